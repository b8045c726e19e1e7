package pull

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
	"provision/test/faults"
)

// A damaged file of checksums gives an error, or a hash that stands in it, alone
// or beside the name.
func TestDamagedChecksums(t *testing.T) {
	a, b := strings.Repeat("1a", 32), strings.Repeat("b2", 32)
	tally := corrupt.Feed(t, 3, func(in []byte) bool {
		got, err := parseChecksum(in, "tool.tgz")
		if err != nil {
			return false
		}
		assert.Len(t, got, 64)
		beside := false
		for line := range strings.Lines(string(in)) {
			fields := strings.Fields(line)
			if len(fields) > 0 && strings.EqualFold(fields[0], got) {
				beside = beside || len(fields) == 1 || strings.Contains(fields[1], "tool.tgz")
			}
		}
		assert.True(t, beside, "taken from another line")
		return true
	}, []byte(a+"  other.tgz\n"+b+" *tool.tgz\n"), []byte(a+"\n"))
	faults.Record(t, "corrupt-checksums", "a damaged file of checksums gives an error, or a hash that it has for that file (which the download must match)", "a publisher's checksums, damaged",
		"%d inputs: %d refused, %d taken", tally.Inputs, tally.Rejected, tally.Accepted)
}
