package clusterkinds

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKindsAreListedUnderTheirFolder(t *testing.T) {
	for name, kind := range All() {
		assert.Equal(t, name, kind.Name())
		info, err := os.Stat(filepath.Join("..", name))
		require.NoError(t, err)
		assert.True(t, info.IsDir())
	}
	assert.Len(t, All(), 6)
}

func TestEveryKindRefusesUnknownFields(t *testing.T) {
	for name, kind := range All() {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, kind.Check("x", []byte(`{"no_such_field": 1}`)), "no_such_field")
			assert.Error(t, kind.Check("x", []byte(`[]`)))
			assert.False(t, slices.Contains([]string{"", "cluster"}, kind.Name()))
		})
	}
}
