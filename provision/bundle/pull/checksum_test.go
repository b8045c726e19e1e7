package pull

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseChecksum(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	for name, c := range map[string]struct{ text, want string }{
		"alone":           {a, a},
		"with a newline":  {a + "\n", a},
		"capitals":        {strings.ToUpper(a), a},
		"one of several":  {b + "  other.tgz\n" + a + "  tool.tgz\n", a},
		"binary mark":     {a + " *tool.tgz", a},
		"in a folder":     {a + "  ./out/tool.tgz", a},
		"another's only":  {b + "  other.tgz", ""},
		"too short":       {a[:40] + "  tool.tgz", ""},
		"not a digest":    {strings.Repeat("z", 64), ""},
		"empty":           {"", ""},
		"a page of HTML":  {"<html><body>Not found</body></html>", ""},
		"two alone lines": {a + "\n" + b, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseChecksum([]byte(c.text), "tool.tgz")
			if c.want == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func FuzzParseChecksum(f *testing.F) {
	f.Add([]byte(strings.Repeat("a", 64)+"  tool.tgz"), "tool.tgz")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if got, err := parseChecksum(data, name); err == nil && len(got) != 64 {
			t.Fatalf("accepted %q", got)
		}
	})
}
