package kinds

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryFolderIsListed walks the kinds' folders. A kind whose resources are
// the cluster's (they name resource.ClusterHost) belongs to another list.
func TestEveryFolderIsListed(t *testing.T) {
	specs, err := filepath.Glob("../*/spec.go")
	require.NoError(t, err)
	name := regexp.MustCompile(`(?m)^const Kind = "([a-z-]+)"`)
	found := 0
	for _, spec := range specs {
		content, err := os.ReadFile(spec)
		require.NoError(t, err)
		match := name.FindSubmatch(content)
		if match == nil || strings.Contains(string(content), "resource.ClusterHost") {
			continue
		}
		found++
		kind, err := New().Find(string(match[1]))
		if assert.NoError(t, err, "%s is not in Host()", spec) {
			assert.Equal(t, string(match[1]), kind.Name())
		}
		assert.FileExists(t, filepath.Join(filepath.Dir(spec), "conformance_test.go"))
	}
	assert.Equal(t, len(Host()), found, "kinds without a folder")
}

func TestNamesAreUniqueAndSorted(t *testing.T) {
	var names []string
	for _, kind := range Host() {
		names = append(names, kind.Name())
	}
	assert.Len(t, New(), len(names))
	assert.True(t, slices.IsSortedFunc(names, strings.Compare), names)
	_, err := New().Find("no-such-kind")
	assert.ErrorContains(t, err, "no-such-kind")
}
