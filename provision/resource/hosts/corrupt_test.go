package hosts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

// Whatever /etc/hosts holds: our block is what was meant, and no line of
// somebody else's that stood outside marks is lost.
func TestDamagedHostsFile(t *testing.T) {
	const mark = "cluster"
	sample := []byte("127.0.0.1 localhost\n" + begin(mark) + "\n10.0.0.1 api\n" + end(mark) + "\n10.9.9.9 other # mine\n")
	want := []string{"10.0.0.2 api"}
	corrupt.Feed(t, 1, func(in []byte) bool {
		_, there := block(string(in), mark)
		after := replaced(string(in), mark, want)
		lines, found := block(after, mark)
		assert.True(t, found)
		assert.Equal(t, want, lines)
		assert.Equal(t, after, replaced(after, mark, want))
		gone := removed(after, mark)
		_, found = block(gone, mark)
		assert.False(t, found)
		if !there && !strings.Contains(string(in), end(mark)) {
			assert.True(t, strings.HasPrefix(gone, strings.TrimSuffix(string(in), "\n")))
		}
		return there
	}, sample)
}
