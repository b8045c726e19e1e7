package wire

import (
	"context"
	"encoding/json"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pairOf connects two ends that say every few milliseconds that they work.
func pairOf(t *testing.T, handler Handler) *Conn {
	t.Helper()
	near, far := net.Pipe()
	other := NewConn(t.Context(), far, handler)
	other.assured = 5 * time.Millisecond
	conn := NewConn(t.Context(), near, nil)
	t.Cleanup(func() { _ = conn.Close(); _ = other.Close() })
	conn.SetQuiet(2 * time.Second)
	return conn
}

func TestACallThatIsWorkedOnMayTakeLongerThanSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := pairOf(t, func(context.Context, string, json.RawMessage) (any, error) {
			time.Sleep(2500 * time.Millisecond) // the work
			return 7, nil
		})
		var result int
		require.NoError(t, conn.Call(t.Context(), "slow", nil, &result))
		assert.Equal(t, 7, result)
	})
}

func TestACallOfWhichNothingIsHeardIsGivenUp(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	asked := make(chan []byte, 2)
	go func() { // an agent that reads, and says that it works on something else
		for {
			buffer := make([]byte, 1024)
			n, err := far.Read(buffer)
			if err != nil {
				return
			}
			asked <- buffer[:n]
			if _, err := far.Write([]byte("{\"id\":99,\"working\":true}\n")); err != nil {
				return
			}
		}
	}()
	conn := NewConn(t.Context(), near, nil)
	defer func() { _ = conn.Close() }()
	conn.SetQuiet(100 * time.Millisecond)
	err := conn.Call(t.Context(), "facts", nil, nil)
	require.ErrorIs(t, err, ErrQuiet)
	assert.Contains(t, string(<-asked), `"method":"facts"`)
	assert.Contains(t, string(<-asked), `"cancel":true`, "the other side is told to stop")
}
