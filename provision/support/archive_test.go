package support

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArchiveStopsAtItsGreatestSize(t *testing.T) {
	var out bytes.Buffer
	a := New(&out, "s", time.Unix(0, 0), NewMask())
	a.file, a.all = 1000, 10_000
	for range 40 {
		a.Add("x", []byte(strings.Repeat("ab ", 500)))
	}
	names, err := a.Close()
	require.NoError(t, err)
	assert.Contains(t, names, "TRUNCATED.txt")
	assert.Len(t, names, 10, "nine files, and the note")
}
