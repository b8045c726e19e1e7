package debs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

func TestDamagedListsOfApt(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	sample := []byte("Reading package lists...\n'http://deb.example/pool/h/haproxy_2.6.12-1_amd64.deb' haproxy_1%3a2.6.12-1_amd64.deb 2038000 SHA256:" + hash + "\n'http://deb.example/x_1_all.deb' x_1_all.deb 1 SHA256:" + hash + "\n")
	corrupt.Feed(t, 1, func(in []byte) bool {
		_ = parseTargets(string(in))
		list, err := parseURIs(string(in))
		if err != nil {
			return false
		}
		for _, p := range list {
			assert.Regexp(t, "^[0-9a-f]{64}$", p.SHA256)
			assert.GreaterOrEqual(t, p.Size, int64(0))
			assert.NotContains(t, p.File, "/")
			assert.NotEmpty(t, p.Name)
			assert.NotEmpty(t, p.Arch)
		}
		return true
	}, sample)
}

func TestPackagesWithoutANameOrHash(t *testing.T) {
	for _, line := range []string{"'u' __.deb 1 SHA256:" + strings.Repeat("ab", 32), "'u' a_1_all.deb 1 SHA256:" + strings.Repeat("z", 64)} {
		_, err := parseURIs(line)
		assert.Error(t, err, line)
	}
}
