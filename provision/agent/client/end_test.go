package client

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stuck is the input of a process behind a dead link: its end cannot be sent.
type stuck struct {
	io.Writer
	until chan struct{}
}

func (s stuck) Close() error {
	<-s.until
	return io.ErrClosedPipe
}

func TestADeadLinkDoesNotHoldUpTheEndOfAProcess(t *testing.T) {
	freed, killed := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(freed) })
	var once sync.Once
	gone := errors.New("killed")
	p := Process{Stdin: stuck{io.Discard, freed}, Kill: func() { once.Do(func() { close(killed) }) }, Wait: func() error { <-killed; return gone }}
	ended := make(chan error, 1)
	go func() { ended <- p.kill() }()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, gone)
	case <-time.After(time.Minute):
		t.Fatal("it waits for the link")
	}
}
