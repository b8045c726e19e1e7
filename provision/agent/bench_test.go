package agent_test

import (
	"context"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/agent"
	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/facts"
	"provision/provision/internal/system"
)

// BenchmarkIdleSessions shows what one open session costs, both ends: 1,000 of
// them share a process in the benchmarks of whole data centers.
func BenchmarkIdleSessions(b *testing.B) {
	root := b.TempDir()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	var sessions []*client.Session
	for b.Loop() {
		sessions = append(sessions, open(b, root))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	n := float64(len(sessions))
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/n/1024, "KiB/session")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/n, "goroutines/session")
	for _, s := range sessions {
		_ = s.Close()
	}
}

func open(b *testing.B, root string) *client.Session {
	b.Helper()
	sys, err := system.Real(root, system.Options{})
	require.NoError(b, err)
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- agent.Serve(context.Background(), in, out, "n", agent.Options{
			System: sys, Addresses: func() ([]facts.Address, error) { return nil, nil },
		})
	}()
	s, err := client.Start(b.Context(), client.Process{Stdin: stdin, Stdout: stdout, Wait: func() error { return <-done }}, "n", client.Options{})
	require.NoError(b, err)
	err = api.Facts.Do(b.Context(), s, api.FactsParams{})
	require.NoError(b, err)
	return s
}
