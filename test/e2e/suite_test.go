//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

// journey is one of the sub-tests of TestJourneys.
type journey struct {
	name string
	run  func(t *testing.T)
}

// journeys are all of them. Those in a row follow one another, because the later
// ones need what the earlier ones found. Long rows come first, so that both
// lanes end at about the same time.
func (s *suite) journeys() [][]journey {
	return [][]journey{
		{{"five", s.five}, {"crash", s.crash}},
		{{"faults", s.faults}},
		{{"kept", s.kept}},
		{{"locks", s.locks}},
		{{"grown", s.grown}},
		{{"upgrade", s.upgrade}},
		{{"shrunk", s.shrunk}},
		{{"restore", s.restore}},
		{{"small", s.small}},
		{{"outside", s.outside}},
		{{"doctor", s.doctor}},
		{{"backup", s.backup}},
		{{"certs", s.certs}},
		{{"secrets", s.secrets}},
		{{"single", s.single}},
		{{"preflight", s.preflight}},
		{{"target", s.target}},
		{{"reset", s.reset}},
		{{"kinds", s.kinds}},
	}
}

// lanes is how many labs there are at a time: most journeys wait for most of
// their time, for boots, leases and health.
const lanes = 2

// TestJourneys runs all journeys, two labs at a time: run one of them with
// -run TestJourneys/single.
func TestJourneys(t *testing.T) {
	s := newSuite(t)
	t.Cleanup(func() { s.table(t) })
	rows := make(chan []journey)
	var all sync.WaitGroup
	for range lanes {
		all.Go(func() {
			for row := range rows {
				for _, one := range row {
					began := time.Now()
					t.Run(one.name, one.run)
					s.took(one.name, time.Since(began))
				}
			}
		})
	}
	for _, row := range s.journeys() {
		rows <- row
	}
	close(rows)
	all.Wait()
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	require.Zero(t, os.Geteuid(), "journeys boot lab hosts, which takes root")
	s := &suite{folder: t.TempDir()}
	s.bin = binary(t, "PROVISION_BIN", "../../bin/provision", "make build")
	blob := s.artifacts(t, "kubectl", load(t, sample("lab.hcl")).Cluster.Versions.Kubernetes())[0].path
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

// took keeps how long a journey took; those that -run left out took no time.
func (s *suite) took(name string, took time.Duration) {
	if took < time.Second {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures = append(s.figures, figure{name, "whole journey", fmt.Sprintf("%.0f s", took.Seconds())})
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
	slices.SortStableFunc(s.figures, func(a, b figure) int { return strings.Compare(a.journey, b.journey) })
	for _, f := range s.figures {
		fmt.Fprintf(&b, "%-24s %-52s %s\n", f.journey, f.what, f.value)
	}
	t.Logf("figures:\n%s", b.String())
}
