package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What ends a program at a named point is in the programs of the crash tests
// only, agents and operator.
func TestNothingShippedCanBeKilledFromWithin(t *testing.T) {
	mechanism := [][]byte{[]byte("/run/provision-killpoint"), []byte("PROVISION_KILLPOINT")}
	has := func(tags string) bool {
		out := filepath.Join(t.TempDir(), "agent")
		goTool(t, []string{"CGO_ENABLED=0"}, "build", "-tags", tags, "-ldflags", "-s -w", "-o", out, agentPackage)
		program, err := os.ReadFile(out)
		require.NoError(t, err)
		found := false
		for _, text := range mechanism {
			found = found || bytes.Contains(program, text)
		}
		return found
	}
	assert.True(t, has("killpoints"), "this test looks for the right thing")
	assert.False(t, has(""), "an agent that is shipped has kill points that kill")
	for folder, want := range map[string]string{"killpoint": "[doc.go off.go]", "agentbin": "[agentbin.go doc.go shipped.go]"} {
		files := goTool(t, nil, "list", "-f", "{{.GoFiles}}", "./provision/internal/"+folder)
		assert.Equal(t, want, strings.TrimSpace(files), "the operator that is shipped")
	}
}
