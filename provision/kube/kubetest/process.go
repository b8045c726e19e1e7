//go:build cluster

package kubetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func binary(t testing.TB, name string) string {
	t.Helper()
	if folder := os.Getenv("PROVISION_TEST_BIN"); folder != "" {
		for _, dir := range filepath.SplitList(folder) {
			if path := filepath.Join(dir, name); isFile(path) {
				return path
			}
		}
	}
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is neither in $PROVISION_TEST_BIN nor in PATH", name)
	return path
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Process is a started daemon.
type Process struct {
	command *exec.Cmd
	output  *buffer
	done    chan struct{}
	once    sync.Once
}

// Start runs a daemon that dies with the test binary, even a killed one.
func Start(t testing.TB, name string, args ...string) *Process {
	t.Helper()
	p := &Process{command: exec.Command(binary(t, name), args...), output: &buffer{}, done: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = p.output, p.output
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.command.Dir = t.TempDir()
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig is the death of the thread
		defer close(p.done)
		err := p.command.Start()
		started <- err
		if err == nil {
			_ = p.command.Wait()
		}
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("last output of %s:\n%s", name, p.output.tail())
		}
	})
	return p
}

// Kill ends the daemon as kill -9 does, and waits for its end.
func (p *Process) Kill() {
	p.once.Do(func() { _ = p.command.Process.Kill() })
	<-p.done
}

// buffer keeps the end of an output.
type buffer struct {
	mutex sync.Mutex
	bytes bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.bytes.Write(p)
}

func (b *buffer) tail() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	all := b.bytes.Bytes()
	return string(all[max(0, len(all)-4000):])
}

// Port is a free port of loopback.
func Port(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}
