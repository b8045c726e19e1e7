package agent

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/wire"
)

// unheard is a stream whose operator has gone before the answer.
type unheard struct{ net.Conn }

func (unheard) Write([]byte) (int, error) { return 0, errors.New("session shutdown") }

func TestATargetWhoseOperatorHasGoneIsLetGo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	near, far := net.Pipe()
	defer far.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		(&session{}).stream(t.Context(), unheard{near})
	}()
	require.NoError(t, wire.WriteLine(far, api.StreamHeader{Type: "dial", Address: listener.Addr().String()}))
	target, err := listener.Accept()
	require.NoError(t, err)
	defer target.Close()
	<-served
	require.NoError(t, target.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = target.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
}
