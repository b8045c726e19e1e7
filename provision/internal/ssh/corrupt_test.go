package ssh_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh"
	"provision/test/corrupt"
)

// Whatever ~/.ssh/config says, the inventory's address is dialled, at a port
// that exists.
func TestDamagedConfigs(t *testing.T) {
	dir := home(t, sshConfig)
	file := filepath.Join(dir, ".ssh", "config")
	corrupt.Feed(t, 1, func(in []byte) bool {
		require.NoError(t, os.WriteFile(file, in, 0o600))
		r, err := ssh.NewResolver(defaults(), ssh.Local{Home: dir})
		if err != nil {
			return false
		}
		target, err := r.Target(host("m1", "10.0.0.11"))
		if err != nil {
			return false
		}
		assert.Equal(t, "10.0.0.11", target.Address)
		assert.True(t, target.Port > 0 && target.Port < 65536)
		for _, hop := range target.Hops {
			assert.NotEmpty(t, hop.Address)
		}
		return true
	}, []byte(sshConfig))
}
