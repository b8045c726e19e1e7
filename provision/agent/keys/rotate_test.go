package keys

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/pki"
)

func TestEncryptionKeysTurn(t *testing.T) {
	first, err := encryptionConfig()
	require.NoError(t, err)
	both, err := turnEncryption(pki.Announced, first, "key2")
	require.NoError(t, err)
	signing, err := turnEncryption(pki.Signing, both, "key3")
	require.NoError(t, err)
	last, err := turnEncryption(pki.Dropped, signing, "key4")
	require.NoError(t, err)

	names := func(text []byte) (list []string) {
		keys, err := encryptionKeys(text)
		require.NoError(t, err)
		for _, key := range keys {
			list = append(list, key.name)
		}
		return list
	}
	assert.Equal(t, []string{"key1"}, names(first))
	assert.Equal(t, []string{"key1", "key2"}, names(both), "the old one encrypts")
	assert.Equal(t, []string{"key2", "key1"}, names(signing), "the new one does")
	assert.Equal(t, []string{"key2"}, names(last))
	_, err = encryptionKeys([]byte(strings.Replace(string(first), "secretbox", "aescbc", 1)))
	require.ErrorContains(t, err, "not as provision writes it")
}
