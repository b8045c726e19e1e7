package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"provision/provision/agent/api"
)

func pair(t *testing.T, left, right Handler) (*Conn, *Conn) {
	t.Helper()
	a, b := net.Pipe()
	x, y := NewConn(t.Context(), a, left), NewConn(t.Context(), b, right)
	t.Cleanup(func() {
		_ = x.Close()
		_ = y.Close()
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
	return x, y
}

func echo(_ context.Context, method string, params json.RawMessage) (any, error) {
	return map[string]any{"method": method, "params": params}, nil
}

func TestCallsGoBothWays(t *testing.T) {
	x, y := pair(t, echo, echo)
	for _, conn := range []*Conn{x, y} {
		var got struct {
			Method string
			Params []int
		}
		require.NoError(t, conn.Call(t.Context(), "hi", []int{1, 2}, &got))
		assert.Equal(t, "hi", got.Method)
		assert.Equal(t, []int{1, 2}, got.Params)
	}
}

func TestManyCallsAtOnceKeepTheirAnswers(t *testing.T) {
	x, _ := pair(t, nil, echo)
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			var got struct{ Params int }
			assert.NoError(t, x.Call(t.Context(), "n", i, &got))
			assert.Equal(t, i, got.Params)
		})
	}
	wait.Wait()
}

func TestErrorsKeepCodeAndWords(t *testing.T) {
	x, _ := pair(t, nil, func(_ context.Context, method string, _ json.RawMessage) (any, error) {
		switch method {
		case "typed":
			return nil, fmt.Errorf("doing x: %w", &api.Error{Code: api.CodeStale, Message: "late"})
		case "panic":
			panic("oops")
		case "large":
			return strings.Repeat("x", MaxLine), nil
		}
		return nil, errors.New("plain")
	})
	tests := map[string]struct {
		code api.Code
		text string
	}{
		"typed": {api.CodeStale, "doing x: late"},
		"plain": {api.CodeFailed, "plain"},
		"panic": {api.CodeInternal, "oops"},
		"large": {api.CodeInternal, "too long"},
	}
	for method, want := range tests {
		err := x.Call(t.Context(), method, nil, nil)
		assert.True(t, IsCode(err, want.code), method)
		assert.ErrorContains(t, err, want.text)
	}
}

func TestCancelReachesTheHandler(t *testing.T) {
	started, ended := make(chan struct{}), make(chan error, 1)
	x, _ := pair(t, nil, func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		close(started)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	require.ErrorIs(t, x.Call(ctx, "wait", nil, nil), context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestEndOfStreamStopsHandlersAndCalls(t *testing.T) {
	started := make(chan struct{})
	x, y := pair(t, nil, func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	go func() { <-started; _ = x.Close() }()
	require.ErrorIs(t, x.Call(t.Context(), "wait", nil, nil), ErrClosed)
	<-y.Done()
	require.ErrorIs(t, y.Call(t.Context(), "late", nil, nil), ErrClosed)
}

func TestGarbageEndsTheConnectionWithAnError(t *testing.T) {
	a, b := net.Pipe()
	conn := NewConn(t.Context(), a, echo)
	_, err := b.Write([]byte("not json\n"))
	require.NoError(t, err)
	<-conn.Done()
	assert.ErrorIs(t, conn.Err(), ErrNonsense)
}

// deaf is a stream that ends between two writes, before its reader hears of it.
type deaf struct{ net.Conn }

func (deaf) Write([]byte) (int, error) { return 0, errors.New("session shutdown") }

func TestARequestThatCannotBeWrittenEndsTheConnection(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	conn := NewConn(t.Context(), deaf{a}, echo)
	err := conn.Call(t.Context(), "hi", nil, nil)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorContains(t, err, "session shutdown")
	<-conn.Done()
}

func FuzzConnSurvivesAnything(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{}\n", `{"id":1,"method":"x"}` + "\n", `{"id":1,"cancel":true}` + "\n",
		`{"id":1,"result":5}` + "\n", "[1]\n", "\xff\xfe\n", `{"id":-1}` + "\n", `{"id":1,"method":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		a, b := net.Pipe()
		conn := NewConn(t.Context(), a, echo)
		go func() { // answers must be read, or the handler cannot end
			buffer := make([]byte, 4096)
			for {
				if _, err := b.Read(buffer); err != nil {
					return
				}
			}
		}()
		_, _ = b.Write(input)
		_ = b.Close()
		<-conn.Done()
	})
}
