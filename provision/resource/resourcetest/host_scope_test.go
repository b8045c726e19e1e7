//go:build labhost

package resourcetest_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/scope"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/kinds"
)

func kindOf(t *testing.T, name string) resource.Kind[*system.System] {
	t.Helper()
	kind, err := kinds.New().Find(name)
	require.NoError(t, err)
	return kind
}

// TestScope checks that a session starts only when nothing of an older one
// runs, not even a child that ignores a polite request.
func TestScope(t *testing.T) {
	host(t)
	epoch := uint64(time.Now().Unix()) //nolint:gosec // after 1970
	session := func(command ...string) *exec.Cmd {
		process := exec.Command(command[0], command[1:]...)
		require.NoError(t, process.Start())
		return process
	}
	old := session("sh", "-c", "trap '' TERM; sleep 1000 & while :; do wait; done")
	require.NoError(t, scope.New(old.Process.Pid).Enter(t.Context(), epoch))
	assert.Contains(t, cgroup(t, old.Process.Pid), fmt.Sprintf("provision-%d.scope", epoch))

	later := session("sleep", "1000")
	require.NoError(t, scope.New(later.Process.Pid).Enter(t.Context(), epoch+1))
	assert.NoError(t, syscall.Kill(later.Process.Pid, 0), "the new session runs")
	assert.Contains(t, cgroup(t, later.Process.Pid), fmt.Sprintf("provision-%d.scope", epoch+1))
	ended := make(chan error, 1)
	go func() { ended <- old.Wait() }()
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(time.Second):
		require.Fail(t, "the old session still runs")
	}
	status, _ := old.ProcessState.Sys().(syscall.WaitStatus)
	assert.Equal(t, syscall.SIGKILL, status.Signal(), "the old one was ended by force")
	require.NoError(t, later.Process.Kill())
	_ = later.Wait()
}

func cgroup(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	require.NoError(t, err)
	return string(text)
}
