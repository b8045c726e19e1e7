package resourcetest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// killed is what a simulated kill panics with.
type killed struct{ point string }

// counter panics at the n-th point it passes; with n < 0 it only counts.
type counter struct {
	n      int
	passed []string
}

func (c *counter) at(name string) {
	c.passed = append(c.passed, name)
	if len(c.passed)-1 == c.n {
		panic(killed{name})
	}
}

// survive runs do and swallows the simulated kill.
func survive(do func()) {
	defer func() {
		if value := recover(); value != nil {
			if _, ok := value.(killed); !ok {
				panic(value)
			}
		}
	}()
	do()
}

// points lists the kill points that do passes.
func (c Case) points(t *testing.T, prepare, do func(*session)) []string {
	passed := &counter{n: -1}
	s := c.fresh(t, passed.at)
	prepare(s)
	passed.passed = nil
	do(s)
	return passed.passed
}

func (c Case) killedApply(t *testing.T) {
	names := c.points(t, func(*session) {}, (*session).apply)
	require.NotEmpty(t, names, "apply passes no kill point")
	for n, name := range names {
		t.Run(fmt.Sprintf("%d %s", n, name), func(t *testing.T) {
			s := c.fresh(t, nil)
			files, units := s.tree(false), s.host.Systemd.All()
			before := s.keep()
			dying := c.open(t, s.host.Root, (&counter{n: n}).at)
			survive(dying.apply)
			c.finishes(t, s.host.Root, before, files)
			if !c.NoRestore {
				again := c.open(t, s.host.Root, nil)
				assert.Equal(t, units, again.host.Systemd.All(), "units after restore")
			}
		})
	}
}

// finishes continues after a kill: apply ends it, and restore undoes it all.
func (c Case) finishes(t *testing.T, root string, before json.RawMessage, files map[string]string) {
	t.Helper()
	s := c.open(t, root, nil)
	if len(s.diff()) > 0 { // as a run does: only what differs is applied
		s.apply()
	}
	s.settled()
	for name := range s.tree(false) {
		assert.NotContains(t, filepath.Base(name), ".provision-", "leftover")
	}
	if c.NoRestore {
		return
	}
	s.restore(before)
	assert.Equal(t, files, s.tree(false), "files after restore")
}

func (c Case) killedRestore(t *testing.T) {
	if c.NoRestore {
		return
	}
	var kept json.RawMessage
	prepare := func(s *session) { kept = s.keep(); s.apply() }
	names := c.points(t, prepare, func(s *session) { s.restore(kept) })
	for n, name := range names {
		t.Run(fmt.Sprintf("%d %s", n, name), func(t *testing.T) {
			s := c.fresh(t, nil)
			files := s.tree(false)
			before := s.keep()
			s.apply()
			dying := c.open(t, s.host.Root, (&counter{n: n}).at)
			survive(func() { dying.restore(before) })
			s = c.open(t, s.host.Root, nil)
			s.restore(before)
			assert.Equal(t, files, s.tree(false), "files after the second restore")
		})
	}
}

// The environment of a process that is to be killed.
const (
	childRoot  = "PROVISION_TEST_KILL_ROOT"
	childTitle = "PROVISION_TEST_KILL_CASE"
	childPoint = "PROVISION_TEST_KILL_POINT"
)

// killedProcess does once more in a process of its own, with SIGKILL.
func (c Case) killedProcess(t *testing.T) {
	for n, name := range c.points(t, func(*session) {}, (*session).apply) {
		s := c.fresh(t, nil)
		files := s.tree(false)
		before := s.keep()
		top, _, _ := strings.Cut(t.Name(), "/")
		process := exec.Command(os.Args[0], "-test.run=^"+top+"$")
		process.Env = append(os.Environ(), childRoot+"="+s.host.Root, childTitle+"="+c.Title, childPoint+"="+strconv.Itoa(n))
		output, err := process.CombinedOutput()
		require.Error(t, err, "%s: the process was to be killed: %s", name, output)
		status := process.ProcessState.Sys().(syscall.WaitStatus)
		require.True(t, status.Signaled() && status.Signal() == syscall.SIGKILL, "%s: %v: %s", name, err, output)
		c.finishes(t, s.host.Root, before, files)
	}
}

// child is the process that is killed. It reports whether this is one.
func child(t *testing.T, cases []Case) bool {
	root := os.Getenv(childRoot)
	if root == "" {
		return false
	}
	n, err := strconv.Atoi(os.Getenv(childPoint))
	require.NoError(t, err)
	for _, c := range cases {
		if c.Title != os.Getenv(childTitle) {
			continue
		}
		passed := 0
		s := c.open(t, root, func(string) {
			if passed++; passed-1 == n {
				if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
					panic(err)
				}
				select {} // the signal is on its way
			}
		})
		s.apply()
	}
	return true
}
