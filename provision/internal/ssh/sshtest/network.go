package sshtest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Network is a set of servers by address, reached without sockets.
type Network struct {
	mu      sync.Mutex
	servers map[string]*Server
	wg      sync.WaitGroup
	dials   map[string]int
}

// NewNetwork makes an empty network. Close it.
func NewNetwork() *Network {
	return &Network{servers: map[string]*Server{}, dials: map[string]int{}}
}

// Add puts a server at address (host:port).
func (n *Network) Add(address string, s *Server) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.network = n
	n.servers[address] = s
}

// Dial connects to a server; other addresses refuse.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	s, ok := n.servers[address]
	n.dials[address]++
	n.mu.Unlock()
	if !ok || s.fault() == Refuse {
		return nil, fmt.Errorf("dialling %s: %w", address, syscall.ECONNREFUSED)
	}
	client, server := pipe(address)
	n.wg.Go(func() { s.Serve(server) })
	return client, nil
}

// Dials counts the connections made to address.
func (n *Network) Dials(address string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[address]
}

// Close hangs up on everyone and waits.
func (n *Network) Close() {
	n.mu.Lock()
	servers := n.servers
	n.servers = map[string]*Server{}
	n.mu.Unlock()
	for _, s := range servers {
		s.Hangup()
	}
	n.wg.Wait()
}
