package swap

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

// Of a damaged fstab nothing is lost: what is commented out comes back, and no
// active swap stays.
func TestDamagedTables(t *testing.T) {
	fstab := []byte("# /etc/fstab\nUUID=1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n/swapfile\tnone\tswap\tsw\t0\t0\n")
	swaps := []byte("Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1000 0 -2\n/a\\040b file 1 0 5\n")
	corrupt.Feed(t, 1, func(in []byte) bool {
		table := string(in)
		off := commented(table)
		assert.Empty(t, swapLines(off))
		if !strings.Contains(table, mark) {
			assert.Equal(t, table, uncommented(off))
		}
		for _, device := range parseSwaps(table) {
			assert.Len(t, strings.Fields(device), 2)
			assert.NotContains(t, unitOf(device), "/")
		}
		return true
	}, fstab, swaps)
}
