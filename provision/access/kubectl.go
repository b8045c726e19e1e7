package access

import (
	"context"
	"errors"
	"fmt"
	"net"

	"provision/provision/authority"
)

// Access is how kubectl reaches the cluster for an hour.
type Access struct {
	Server      string // host:port of a master that answered
	Credentials authority.Credentials
	// Dial reaches the first API server that takes a connection, through the
	// sessions with agents.
	Dial func(ctx context.Context) (net.Conn, error)
	// Lost waits until the sessions with all masters have ended, and says why:
	// from then on Dial cannot succeed. It returns nil when ctx ends first.
	Lost func(ctx context.Context) error
}

// Kubectl makes credentials for the operator.
func (a *Cluster) Kubectl(ctx context.Context) (*Access, error) {
	if err := a.Fleet.Identify(ctx); err != nil {
		return nil, err
	}
	if a.Fleet.Decision.Identity == nil {
		return nil, fmt.Errorf("cannot access cluster %q: it does not exist yet; create it with: provision apply", a.Fleet.Inventory.Cluster.Name)
	}
	credentials, err := a.issueAdmin(ctx)
	if err != nil {
		return nil, err
	}
	servers := a.apiServers()
	if len(servers) == 0 {
		return nil, fmt.Errorf("cannot access cluster %q: no master answered", a.Fleet.Inventory.Cluster.Name)
	}
	return &Access{Server: servers[0], Credentials: credentials, Dial: a.dialAny, Lost: a.mastersLost}, nil
}

// mastersLost waits for the end of the sessions with all masters.
func (a *Cluster) mastersLost(ctx context.Context) error {
	var why []error
	for _, m := range a.Fleet.Masters() {
		select {
		case <-m.Agent.Done():
			why = append(why, m.Agent.Err())
		case <-ctx.Done():
			return nil
		}
	}
	err := fmt.Errorf("the sessions with all masters of cluster %q have ended", a.Fleet.Inventory.Cluster.Name)
	return errors.Join(append([]error{err}, why...)...)
}

// dialAny reaches the first API server that takes a connection.
func (a *Cluster) dialAny(ctx context.Context) (net.Conn, error) {
	var last error
	for _, server := range a.apiServers() {
		conn, err := a.dialVia(ctx, "tcp", server)
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, fmt.Errorf("reaching an API server: %w", last)
}
