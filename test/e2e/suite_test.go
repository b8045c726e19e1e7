//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
	"provision/provision/lab"
)

// suite is what all journeys share.
type suite struct {
	bin     string // the provision binary
	kubectl string
	testpod string // the testpod binary
	image   string // its OCI archive
	// manifest is the digest of the image.
	manifest string
	folder   string
	// patience is how long a run of provision may take, if not verbTimeout.
	patience time.Duration

	whole snapshot // of a cluster that was made in one go

	mu      sync.Mutex
	figures []figure
}

// figure is a line of the table at the end.
type figure struct{ journey, what, value string }

// TestJourneys runs all journeys, one lab after the other: run one of them
// with -run TestJourneys/single.
func TestJourneys(t *testing.T) {
	s := newSuite(t)
	t.Cleanup(func() { s.table(t) })
	t.Run("kinds", s.kinds)
	t.Run("five", s.five)
	t.Run("killed", s.killed)
	t.Run("crash", s.crash)
	t.Run("small", s.small)
	t.Run("single", s.single)
	t.Run("preflight", s.preflight)
	t.Run("secrets", s.secrets)
	t.Run("target", s.target)
	t.Run("grown", s.grown)
	t.Run("shrunk", s.shrunk)
	t.Run("history", s.history)
	t.Run("upgrade", s.upgrade)
	t.Run("reset", s.reset)
	t.Run("care", s.care)
	t.Run("reboot", s.reboot)
	t.Run("certs", s.certs)
	t.Run("locks", s.locks)
	t.Run("doctor", s.doctor)
	t.Run("faults", s.faults)
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	require.Zero(t, os.Geteuid(), "journeys boot lab hosts, which takes root")
	s := &suite{folder: t.TempDir()}
	s.bin = binary(t, "PROVISION_BIN", "../../bin/provision", "make build")
	blob := s.artifacts(t, "kubectl", load(t, sample("lab.hcl")).Cluster.Versions.Kubernetes)[0].path
	s.kubectl = filepath.Join(s.folder, "kubectl")
	copyFile(t, blob, s.kubectl)
	s.buildPod(t)
	s.sweep(t)
	return s
}

// artifact is a file of the store.
type artifact struct {
	bundle.Artifact
	path string
}

func (s *suite) artifacts(t *testing.T, name, version string) []artifact {
	t.Helper()
	opened, err := store.Open(store.Options{})
	require.NoError(t, err)
	found, err := opened.Resolve(bundle.Ref{Name: name, Version: version, Arch: runtime.GOARCH})
	require.NoError(t, err, "pull the artifacts first: provision bundle pull")
	var list []artifact
	for _, a := range found {
		path, err := opened.Path(a.SHA256)
		require.NoError(t, err)
		list = append(list, artifact{a, path})
	}
	return list
}

// binary is a program to test: what the variable names, or the usual one.
func binary(t *testing.T, variable, usual, how string) string {
	t.Helper()
	if named := os.Getenv(variable); named != "" {
		usual = named
	}
	require.FileExists(t, usual, "build it first: %s", how)
	return absolute(t, usual)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	require.NoError(t, err)
	return full
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o755))
}

const labPrefix = "e2e-"

// sweep removes labs of earlier runs that were killed.
func (s *suite) sweep(t *testing.T) {
	t.Helper()
	names, err := lab.List()
	require.NoError(t, err)
	for _, name := range names {
		rest, ours := strings.CutPrefix(name, labPrefix)
		owner, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(owner)
		if !ours || err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		t.Logf("removing lab %s of a run that is over", name)
		require.NoError(t, lab.Down(context.Background(), name))
	}
}

// note keeps a figure for the table.
func (s *suite) note(t *testing.T, what, format string, args ...any) {
	t.Helper()
	value := fmt.Sprintf(format, args...)
	t.Logf("%s: %s", what, value)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures = append(s.figures, figure{strings.TrimPrefix(t.Name(), "TestJourneys/"), what, value})
}

func (s *suite) seconds(t *testing.T, what string, took time.Duration) {
	t.Helper()
	s.note(t, what, "%.1f s", took.Seconds())
}

func (s *suite) table(t *testing.T) {
	var b strings.Builder
	for _, f := range s.figures {
		fmt.Fprintf(&b, "%-24s %-52s %s\n", f.journey, f.what, f.value)
	}
	t.Logf("figures:\n%s", b.String())
}
