package lock_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/lock"
	"provision/test/corrupt"
)

func TestDamagedLocks(t *testing.T) {
	sample, err := json.Marshal(lock.Lock{FormatVersion: lock.FormatVersion, Modules: map[string]string{"go.etcd.io/etcd@v3.7.3": "h1:abc="},
		Outputs: map[string]lock.Output{"inputs": {Artifact: "etcd@3.7.3/amd64", SHA256: strings.Repeat("ab", 32), Size: 5}}})
	require.NoError(t, err)
	corrupt.Feed(t, 1, func(in []byte) bool {
		l, err := lock.Parse(in)
		if err != nil {
			return false
		}
		assert.Equal(t, lock.FormatVersion, l.FormatVersion)
		for _, o := range l.Outputs {
			assert.Regexp(t, "^[0-9a-f]{64}$", o.SHA256)
		}
		return true
	}, sample)
}

func TestALockWithoutAFormatIsNone(t *testing.T) {
	_, err := lock.Parse([]byte(`{"modules":{}}`))
	assert.ErrorContains(t, err, "format is 0")
}
