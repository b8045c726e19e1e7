package textdiff

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUnified(t *testing.T) {
	assert.Equal(t, "@@ -2 +2 @@\n b\n c\n-d\n+D\n e\n f\n", Unified("a\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nD\ne\nf\ng\n"))
	assert.Equal(t, "@@ -1 +1 @@\n+x\n", Unified("", "x\n"))
	assert.Contains(t, Unified("x\n", "x"), "no newline at end")
	assert.Empty(t, Unified("same\n", "same\n"))
	long := Unified("", strings.Repeat("line\n", 500))
	assert.LessOrEqual(t, strings.Count(long, "\n"), maxLines+2)
	assert.Empty(t, Unified(strings.Repeat("a\n", 2000), strings.Repeat("b\n", 2000)), "too long to compare")
}
