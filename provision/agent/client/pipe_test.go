package client_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/internal/wire"
)

// TestASuspendedAgentEndsTheSession has an agent that says hello and then
// neither reads, writes nor ends: not even its channel closes when it is killed.
func TestASuspendedAgentEndsTheSession(t *testing.T) {
	t.Parallel() // it waits for a heartbeat that is not answered
	_, stdin := io.Pipe()
	stdout, out := io.Pipe()
	t.Cleanup(func() { _ = out.Close() })
	killed := make(chan struct{})
	go func() { _ = wire.WriteHello(out, "abc") }()
	began := time.Now()
	s, err := client.Start(t.Context(), client.Process{Stdin: stdin, Stdout: stdout, Host: "m1",
		Kill: func() { close(killed) }, Wait: func() error { <-killed; return nil }}, "abc", client.Options{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), wire.Silence+time.Minute)
	defer cancel()
	err = api.Plan.Do(ctx, s, api.PlanParams{})
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "a call ends with the session")
	select {
	case <-s.Done():
	case <-ctx.Done():
		t.Fatal("the session of a suspended agent does not end")
	}
	assert.Less(t, time.Since(began), wire.Silence+30*time.Second)
	require.ErrorContains(t, s.Err(), "m1: session ended: no answer for 7s")
	_ = s.Close()
}
