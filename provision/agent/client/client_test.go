package client

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/wire"
)

// shell is a process that prints a text and then ends or waits.
func shell(prints string, ends error) Process {
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	ended := make(chan struct{})
	kill := func() { _ = in.Close(); _ = out.CloseWithError(io.EOF) }
	go func() {
		defer close(ended)
		_, _ = io.WriteString(out, prints)
		if ends != nil {
			_ = out.Close()
			_ = in.Close()
			return
		}
		_, _ = io.Copy(io.Discard, in)
		_ = out.Close()
	}()
	return Process{Stdin: stdin, Stdout: stdout, Host: "m1", Kill: kill, Wait: func() error { <-ended; return ends }}
}

func TestStartSaysWhyThereIsNoAgent(t *testing.T) {
	_, err := Start(t.Context(), shell("bash: provision-agent: not found\n", errors.New("exit code 127")), "n", Options{})
	require.ErrorContains(t, err, "m1: the agent did not start")
	assert.ErrorContains(t, err, "not found")
	assert.ErrorContains(t, err, "exit code 127")
}

func TestStartGivesUpOnNoiseAndOnSilence(t *testing.T) {
	process := shell(strings.Repeat("x", wire.MaxNoise+10), nil)
	_, err := Start(t.Context(), process, "n", Options{})
	assert.ErrorContains(t, err, "bytes before its hello")
	_, err = Start(t.Context(), shell("", nil), "n", Options{HelloTime: 50 * time.Millisecond})
	assert.ErrorContains(t, err, "said nothing within 50ms")
	slow := shell("", nil)
	slow.Patience = 80 * time.Millisecond
	_, err = Start(t.Context(), slow, "n", Options{HelloTime: 50 * time.Millisecond})
	assert.ErrorContains(t, err, "said nothing within 80ms", "a host that is given longer to log in")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Start(ctx, shell("", nil), "n", Options{})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestGarbageBehindTheHelloEndsTheSession(t *testing.T) {
	s, err := Start(t.Context(), shell("PROVISION/1 n\nthis is not yamux", errors.New("exit code 1")), "n", Options{})
	if err != nil {
		assert.ErrorContains(t, err, "m1")
		return
	}
	<-s.Done()
	assert.ErrorContains(t, s.Err(), "m1: session ended")
	err = api.Facts.Do(t.Context(), s, api.FactsParams{})
	assert.ErrorIs(t, err, wire.ErrClosed)
}

// Whoever hears first of the end, our reader or our writer: what is said of it
// is the same.
func TestGarbageBehindTheHelloIsNamedWheneverItIsNoticed(t *testing.T) {
	for range 200 {
		process := shell("PROVISION/1 n\n"+strings.Repeat("\x07\xfe garbage", 10_000), nil)
		s, err := Start(t.Context(), process, "n", Options{})
		if err == nil {
			err = api.Facts.Do(t.Context(), s, api.FactsParams{})
			require.NoError(t, s.Close())
		}
		require.ErrorContains(t, err, "it speaks something else than our agent")
	}
}
