package toys_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// excerpt is a fenced block that names the file which it is taken from.
var excerpt = regexp.MustCompile("(?ms)^```go (\\S+)\n(.*?)^```$")

func TestExcerptsAreWhatTheCodeSays(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	require.NoError(t, err)
	found := excerpt.FindAllSubmatch(page, -1)
	assert.Greater(t, len(found), 5)
	assert.Equal(t, 2*len(found), strings.Count("\n"+string(page), "\n```"), "each block names its file")
	for _, block := range found {
		code, err := os.ReadFile(filepath.Join(root, string(block[1])))
		require.NoError(t, err)
		assert.Contains(t, string(code), string(block[2]), "%s", block[1])
	}
}

// The invented members are a folder and a line in a list, and the list is a test's.
func TestNobodyElseKnowsTheInventedMembers(t *testing.T) {
	for _, folder := range []string{"provision", "addons", "network", "cmd"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(name) != ".go" {
				return err
			}
			code, err := os.ReadFile(name)
			assert.NotContains(t, string(code), "test/toys", "%s", name)
			return err
		}))
	}
}
