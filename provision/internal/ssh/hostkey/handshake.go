package hostkey

import (
	"errors"
	"net"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// ErrAbandoned is returned for a handshake that closing did not end. Its
// callbacks may still be called.
var ErrAbandoned = errors.New("the connection does not end")

// closing is how long a handshake whose connection was closed may take to say so.
const closing = time.Second

// Handshake is gossh.NewClientConn. Whoever closes the connection closes over
// first: through a bastion that hangs, closing alone ends nothing.
func Handshake(raw net.Conn, address string, config *gossh.ClientConfig, over <-chan struct{}) (*gossh.Client, error) {
	var client *gossh.Client
	ended := make(chan error, 1)
	go func() { // ends with the connection, or the bastion's
		conn, chans, reqs, err := gossh.NewClientConn(raw, address, config)
		if err == nil {
			client = gossh.NewClient(conn, chans, reqs)
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		return client, err
	case <-over:
	}
	timer := time.NewTimer(closing)
	defer timer.Stop()
	select {
	case err := <-ended:
		return client, err
	case <-timer.C:
		return nil, ErrAbandoned
	}
}
