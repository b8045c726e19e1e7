package hosts

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOtherLinesStay(t *testing.T) {
	content := "127.0.0.1 localhost\n# BEGIN provision other\n10.0.0.2 x\n# END provision other\n"
	changed := replaced(content, "dc1", []string{"10.0.0.1 m1"})
	assert.Equal(t, content+"# BEGIN provision dc1\n10.0.0.1 m1\n# END provision dc1\n", changed)
	assert.Equal(t, content, removed(changed, "dc1"))
}

func TestDamagedBlocks(t *testing.T) {
	torn := "a\n# BEGIN provision dc1\nnot ours\n"
	lines, found := block(torn, "dc1")
	assert.True(t, found)
	assert.Empty(t, lines)
	assert.Equal(t, "a\nnot ours\n", removed(torn, "dc1"))
	assert.Contains(t, replaced(torn, "dc1", []string{"10.0.0.1 m1"}), "not ours\n")
}

func FuzzBlock(f *testing.F) {
	f.Add("127.0.0.1 localhost\n", "10.0.0.1 m1")
	f.Add("# BEGIN provision m\nx\n# END provision m", "y")
	f.Add("# END provision m\n# BEGIN provision m\n", "")
	f.Fuzz(func(t *testing.T, content, line string) {
		if strings.ContainsAny(line, "\n") || line == begin("m") || line == end("m") {
			return
		}
		changed := replaced(content, "m", []string{line})
		lines, found := block(changed, "m")
		assert.True(t, found)
		assert.Equal(t, []string{line}, lines)
		assert.Equal(t, changed, replaced(changed, "m", []string{line}), "twice")
		clean := removed(changed, "m")
		assert.False(t, slices.Contains(strings.Split(clean, "\n"), begin("m")))
	})
}
