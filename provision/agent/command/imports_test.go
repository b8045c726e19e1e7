package command

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The agent is sent to every host: what it imports is bytes on the wire.
func TestAgentStaysSmall(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "provision/cmd/provision-agent").Output()
	require.NoError(t, err)
	forbidden := regexp.MustCompile(`^(k8s\.io/|sigs\.k8s\.io/|go\.etcd\.io/|github\.com/containerd/|github\.com/hashicorp/hcl|github\.com/spf13/|helm\.sh/|golang\.org/x/crypto/ssh|google\.golang\.org/grpc|net/http$)`)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "provision/provision/agent")
	for _, dep := range deps {
		assert.False(t, forbidden.MatchString(dep), dep)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"serve"}, {"blobs", "x"}, {"help"}} {
		assert.ErrorIs(t, Run(t.Context(), args, nil, nil), errUsage)
	}
	var out bytes.Buffer
	require.NoError(t, Run(t.Context(), []string{"version"}, nil, &out))
	assert.Contains(t, out.String(), "go1.")
}
