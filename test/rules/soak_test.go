package rules

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// soaks are the journeys that are too long for make test and were run in full.
// Each has a result that was committed, and passed.
func soaks() []string {
	return []string{"kills", "points", "pool", "rollback", "rotation", "upgrade", "vm"}
}

func TestEverySoakHasAResult(t *testing.T) {
	for _, journey := range soaks() {
		raw, err := os.ReadFile(filepath.Join(root, "test", "soak", "results", journey+".json"))
		if !assert.NoError(t, err, "run make soak and commit its results") {
			continue
		}
		var result struct {
			Commit, Journey string
			Passed          bool
			Kills           int
		}
		require.NoError(t, json.Unmarshal(raw, &result))
		assert.Equal(t, journey, result.Journey)
		assert.True(t, result.Passed, "the last soak of %s failed", journey)
		assert.Len(t, result.Commit, 40)
		if journey == "kills" {
			assert.GreaterOrEqual(t, result.Kills, 100)
		}
	}
}
