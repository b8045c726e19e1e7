package system

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKillReturnsWhenTheProcessIsGone(t *testing.T) {
	sleep := exec.CommandContext(t.Context(), "sleep", "60")
	require.NoError(t, sleep.Start())
	ended := make(chan error, 1)
	go func() { ended <- sleep.Wait() }()
	require.NoError(t, kill(t.Context(), sleep.Process.Pid))
	select {
	case err := <-ended:
		assert.ErrorContains(t, err, "killed")
	case <-time.After(time.Minute):
		t.Fatal("the process runs on")
	}
	assert.NoError(t, kill(t.Context(), sleep.Process.Pid), "gone is fine")
}

func TestFilesBelowAFolderEndNoProcess(t *testing.T) {
	sys, err := Real(t.TempDir(), Options{})
	require.NoError(t, err)
	assert.Error(t, sys.Kill(t.Context(), 1<<22))
}
