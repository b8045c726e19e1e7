package catalogue

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
)

// A folder with a chart is an add-on, and must be listed.
func TestEveryFolderIsListed(t *testing.T) {
	charts, err := filepath.Glob("../*/chart/Chart.yaml")
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, addon := range All() {
		listed[addon.Name()] = true
		_, err := os.Stat(filepath.Join("..", addon.Name(), "README.md"))
		require.NoError(t, err, "an add-on has a README")
		if addon.Default() {
			_, diagnostics := addon.Decode(inventory.Nothing(addon.Block()))
			assert.Empty(t, diagnostics, "a default add-on needs no settings")
		}
	}
	assert.Len(t, charts, len(listed))
	for _, chart := range charts {
		assert.True(t, listed[filepath.Base(filepath.Dir(filepath.Dir(chart)))], chart)
	}
}
