package rules

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const agentPackage = "./cmd/provision-agent"

// maxAgent bounds what is sent to each host, stripped.
const maxAgent = 8_000_000

// goTool runs go in the module, with the flags of the whole build.
func goTool(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, problems.String())
	return string(out)
}

func TestAgentConsistsOfLittle(t *testing.T) {
	heavy := []string{"k8s.io/", "sigs.k8s.io/", "helm.sh/", "go.etcd.io/", "github.com/hashicorp/hcl", "github.com/zclconf/",
		"github.com/spf13/", "github.com/containerd/", "google.golang.org/", "golang.org/x/crypto/ssh", "net/http/httptest", "testing"}
	for _, pkg := range strings.Fields(goTool(t, nil, "list", "-deps", agentPackage)) {
		for _, prefix := range heavy {
			assert.False(t, strings.HasPrefix(pkg, prefix), "the agent consists of %s too", pkg)
		}
	}
}

func TestAgentIsSmall(t *testing.T) {
	out := filepath.Join(t.TempDir(), "agent")
	goTool(t, []string{"CGO_ENABLED=0"}, "build", "-gcflags=all=-l", "-ldflags", "-s -w", "-o", out, agentPackage)
	info, err := os.Stat(out)
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(maxAgent))
}
