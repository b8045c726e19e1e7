package system

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
	"provision/test/faults"
)

// A damaged cache of digests only costs hashing: no digest in it is believed that
// was not written so.
func TestADamagedCacheOfDigestsIsHashedAnew(t *testing.T) {
	known := map[string]string{"1-2-3-4": strings.Repeat("ab", 32), "5-6-7-8": strings.Repeat("0c", 32)}
	sample, err := encodeDigests(known)
	require.NoError(t, err)
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		got := decodeDigests(in)
		if got == nil {
			return false
		}
		assert.Equal(t, known, got)
		return true
	}, sample)
	plain, err := json.Marshal(known)
	require.NoError(t, err)
	assert.Nil(t, decodeDigests(plain), "one without a checksum is hashed anew")
	faults.Record(t, "corrupt-digest-cache", "a damaged cache of digests is never believed; files are hashed again", "the cache of a host, damaged",
		"%d inputs: %d hashed anew, %d differ in nothing that counts", tally.Inputs, tally.Rejected, tally.Accepted)
}
