package hostkey_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/skeema/knownhosts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"provision/provision/internal/ssh/hostkey"
	"provision/test/corrupt"
	"provision/test/faults"
)

// A damaged known_hosts or pin never lets another key than the accepted ones in.
func TestDamagedKnownHostsAndPinsLetNobodyIn(t *testing.T) {
	good, foreign := key(), key()
	file := filepath.Join(t.TempDir(), "known_hosts")
	text := string(gossh.MarshalAuthorizedKey(good))
	sample := []byte("# mine\n" + knownhosts.Line([]string{"10.0.0.11"}, good) + "\n" + xknownhosts.HashHostname("10.0.0.12") + " " + text + "[10.0.0.13]:2222 " + text)
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		require.NoError(t, os.WriteFile(file, in, 0o600))
		db, err := hostkey.Load(file)
		if err != nil {
			return false
		}
		assert.Error(t, (&hostkey.Checker{DB: db, Address: address}).Check(foreign))
		return true
	}, sample)
	empty, err := hostkey.Load()
	require.NoError(t, err)
	pins := corrupt.Feed(t, 2, func(in []byte) bool {
		pin, err := hostkey.ParsePin(string(in))
		if err != nil || pin.Empty() {
			return false
		}
		err = (&hostkey.Checker{DB: empty, Address: address, Pin: pin}).Check(foreign)
		var changed *hostkey.ChangedError
		assert.True(t, errors.As(err, &changed))
		return true
	}, []byte(text), []byte(gossh.FingerprintSHA256(good)))
	faults.Record(t, "corrupt-known-hosts", "a damaged known_hosts file or pin never accepts a foreign key", "known_hosts (plain, hashed, with a port) and pins, damaged",
		"%d files (%d refused whole) and %d pins (%d refused): the foreign key was refused by all", tally.Inputs, tally.Rejected, pins.Inputs, pins.Rejected)
}
