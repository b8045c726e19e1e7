package fleettest

import (
	"context"
	"net"
)

// Dial reaches a host's SSH server, for clients outside this process.
func (f *Fleet) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return f.dial(ctx, network, address)
}

// Login is the private key file that root's login takes.
func (f *Fleet) Login() string { return f.key }
