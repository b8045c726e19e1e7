package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"provision/provision/event"
)

// spoil notes that a step failed on a host, or that the host is lost: nobody
// waits for its Node any more.
func (s *Steps) spoil(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.bad[host] {
		s.bad[host] = true
		close(s.worse)
		s.worse = make(chan struct{})
	}
}

// sound are the hosts whose Nodes can become Ready, and what is closed when one
// of them no longer can.
func (s *Steps) sound() (names []string, worse <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.nodes), func(name string) bool { return s.bad[name] }), s.worse
}

// nodesReady waits for the Nodes of hosts that changed. A host that is lost
// meanwhile is not waited for, but fails the gate: its own steps may all be done.
func (s *Steps) nodesReady(ctx context.Context) error {
	watched, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	var mu sync.Mutex
	var lost []string
	names, _ := s.sound()
	for _, name := range names {
		all.Go(func() {
			select {
			case <-s.o.Fleet.Members[name].Agent.Done():
				mu.Lock()
				lost = append(lost, name)
				mu.Unlock()
				s.spoil(name)
			case <-watched.Done():
			}
		})
	}
	if err := s.othersReady(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	if len(lost) > 0 {
		slices.Sort(lost)
		return fmt.Errorf("cannot check that Nodes are Ready: lost the connection to %s; apply again when it answers", strings.Join(lost, ", "))
	}
	return nil
}

// othersReady waits again for those that are left whenever one is spoilt.
func (s *Steps) othersReady(ctx context.Context) error {
	for {
		names, worse := s.sound()
		if len(names) == 0 {
			return nil
		}
		again, err := s.awaitNodes(ctx, names, worse)
		if err == nil || !again {
			return err
		}
	}
}

// awaitNodes waits for Nodes, until worse is closed: then it is to be done again.
func (s *Steps) awaitNodes(ctx context.Context, names []string, worse <-chan struct{}) (again bool, err error) {
	attempt, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		select {
		case <-worse:
			cancel()
		case <-attempt.Done():
		}
	})
	said := "" // reasons change more often than names
	err = s.o.API.NodesReady(attempt, names, func(waiting map[string]string) {
		text := "Waiting for Nodes: " + strings.Join(slices.Sorted(maps.Keys(waiting)), ", ")
		if len(waiting) == 0 || text == said {
			return
		}
		said = text
		s.o.Fleet.Emit(event.Event{Type: event.Note, Text: text})
	})
	select {
	case <-worse:
		return ctx.Err() == nil, err
	default:
		return false, err
	}
}
