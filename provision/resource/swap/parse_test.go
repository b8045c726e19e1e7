package swap

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnitOf(t *testing.T) {
	assert.Equal(t, "dev-sda2.swap", unitOf("/dev/sda2 -2"))
	assert.Equal(t, `dev-disk-by\x2duuid-1.swap`, unitOf("/dev/disk/by-uuid/1"))
}

func TestParseSwaps(t *testing.T) {
	assert.Equal(t, []string{"/dev/sda2 -2"}, parseSwaps("Filename Type Size Used Priority\n/dev/sda2 partition 10 0 -2\n"))
	assert.Empty(t, parseSwaps("Filename Type Size Used Priority\n"))
}

func FuzzFstab(f *testing.F) {
	f.Add("UUID=1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0")
	f.Add("# swap\n\n a b swap\n")
	f.Fuzz(func(t *testing.T, table string) {
		off := commented(table)
		assert.Empty(t, swapLines(off))
		if uncommented(table) == table {
			assert.Equal(t, table, uncommented(off))
		}
		parseSwaps(table)
	})
}
