package command

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/resource"
	"provision/provision/resource/file"
)

// The real agent, on the machine that runs the test, only asked.
func TestServeLooksAtThisMachine(t *testing.T) {
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Run(t.Context(), []string{"serve", "n1"}, in, out) }()
	process := client.Process{Stdin: stdin, Stdout: stdout, Host: "here", Wait: func() error { return <-done }}
	s, err := client.Start(t.Context(), process, "n1", client.Options{})
	require.NoError(t, err)

	host, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	name, err := os.Hostname()
	require.NoError(t, err)
	assert.Equal(t, name, host.Hostname)
	assert.Equal(t, runtime.GOARCH, host.Arch)
	assert.NotEmpty(t, host.OS.ID)
	assert.NotEmpty(t, host.BootID)
	assert.Positive(t, host.MemoryKiB)
	assert.NotZero(t, host.Capability)
	assert.Contains(t, []int{1, 2}, host.Cgroup)
	var own []string
	for _, address := range host.Addresses {
		own = append(own, address.CIDR)
	}
	assert.Contains(t, own, "127.0.0.1/8")

	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, []byte("there\n"), 0o644))
	result, err := api.Plan.Call(t.Context(), s, api.PlanParams{Resources: []resource.Resource{
		file.New("here", path, "there\n", 0o644), file.New("here", path+"y", "wanted\n", 0o644),
	}})
	require.NoError(t, err)
	require.Len(t, result.Items, 1)
	assert.Nil(t, result.Items[0].Error)
	assert.True(t, strings.Contains(result.Items[0].ID, path+"y"))
	require.NoError(t, s.Close())
	assert.NoError(t, s.Err())
}
