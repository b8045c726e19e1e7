package pkg

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

func TestDamagedAnswersOfDpkg(t *testing.T) {
	corrupt.Feed(t, 1, func(in []byte) bool {
		found := parseQuery(string(in))
		for _, s := range found {
			assert.NotEmpty(t, s.Package)
			assert.NotContains(t, s.Package+s.Version, "\t")
			if s.installed() {
				assert.Contains(t, string(in), s.Package+"\t"+s.Version+"\t")
				assert.True(t, strings.IndexByte("itW", s.Is) >= 0 && s.Version != "")
			}
		}
		return len(found) > 0
	}, []byte("haproxy\t2.6.12-1+deb12u1\tii \nconntrack\t1:1.4.7-1\thc \nbroken\t1\tiFR\nlibx\t\tun \n"))
}

// Versions of damaged text still have one order.
func TestDamagedVersionsAreOrdered(t *testing.T) {
	assert.Positive(t, compare("9223372036854775807:1", "-2:1"), "the difference overflows")
	last := "1.0"
	corrupt.Feed(t, 2, func(in []byte) bool {
		v := string(in)
		assert.Zero(t, compare(v, v))
		assert.Equal(t, -compare(v, last), compare(last, v), "%q", last)
		last = v
		return true
	}, []byte("1:1.4.7-1+deb12u1"), []byte("2.6.12~rc1-1ubuntu2"))
}
