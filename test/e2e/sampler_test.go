//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"provision/test/canary"
)

// sampler looks at the arguments and the environment of every process of this
// machine, which those of lab hosts are, too: at new ones again and again for a
// while, for that is when they exec, at old ones now and then.
type sampler struct {
	set *canary.Set

	mu    sync.Mutex
	own   map[int]bool // whose environment was given secrets by the test
	known map[int]*sampled
	names map[string]bool // programs seen
	total int
	hits  map[string]bool
}

type sampled struct {
	seen  time.Time
	looks int
}

const (
	sampleEvery = 15 * time.Millisecond
	youth       = 3 * time.Second
)

// watch runs a sampler until the returned function is called.
func watch(t *testing.T, set *canary.Set) (_ *sampler, stop func()) {
	t.Helper()
	s := &sampler{set: set, own: map[int]bool{}, known: map[int]*sampled{}, names: map[string]bool{}, hits: map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		for {
			s.look()
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	t.Cleanup(stop)
	return s, stop
}

// allow starts a process that may have secrets in its environment; its
// arguments count.
func (s *sampler) allow(cmd *exec.Cmd, start func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := start(); err != nil {
		return err
	}
	s.own[cmd.Process.Pid] = true
	return nil
}

func (s *sampler) look() {
	entries, _ := os.ReadDir("/proc")
	s.mu.Lock()
	defer s.mu.Unlock()
	alive := map[int]bool{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		alive[pid] = true
		p := s.known[pid]
		if p == nil {
			p = &sampled{seen: time.Now()}
			s.known[pid] = p
			s.total++
		}
		p.looks++
		if time.Since(p.seen) < youth || p.looks%200 == 0 {
			s.read(pid)
		}
	}
	maps.DeleteFunc(s.known, func(pid int, _ *sampled) bool { return !alive[pid] })
}

func (s *sampler) read(pid int) {
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	argv, _ := os.ReadFile(filepath.Join(folder, "cmdline")) // it may be gone: the next look will tell
	program, _, _ := bytes.Cut(argv, []byte{0})
	name := filepath.Base(string(program))
	s.names[name] = true
	s.note("arguments of "+name, argv)
	if !s.own[pid] {
		environment, _ := os.ReadFile(filepath.Join(folder, "environ"))
		s.note("environment of "+name, environment)
	}
}

func (s *sampler) note(where string, data []byte) {
	for _, hit := range s.set.Find(data) {
		s.hits[fmt.Sprintf("%s: %s", where, hit)] = true
	}
}

// found is what was found, what programs were seen, and how many processes.
func (s *sampler) found() (hits []string, programs string, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.hits)), strings.Join(slices.Sorted(maps.Keys(s.names)), " "), s.total
}
