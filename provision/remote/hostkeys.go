package remote

import (
	"context"
	"fmt"
	"net"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/hostkey"
	"provision/provision/inventory"
)

// HostKey is a key that a host showed. Nothing says yet that it is the right one.
type HostKey struct {
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
	Pin         string `json:"pin"` // as host_key takes it

	public gossh.PublicKey
}

// Scan returns the address that was asked and the keys the host has now, best
// type first, through the inventory's bastions if it has any.
func Scan(ctx context.Context, s Settings, h inventory.Host) (address string, keys []HostKey, err error) {
	pool, target, err := reach(s)
	if err != nil {
		return "", nil, err
	}
	defer pool.Close()
	t, err := target(h)
	if err != nil {
		return "", nil, err
	}
	dial, err := through(ctx, s, pool, t)
	if err != nil {
		return t.Endpoint(), nil, err
	}
	found, err := hostkey.Scan(ctx, dial, t.Endpoint())
	for _, k := range found {
		keys = append(keys, HostKey{k.Type, k.Fingerprint, k.Pin(), k.Public})
	}
	return t.Endpoint(), keys, err
}

// through dials from the last bastion, or from here.
func through(ctx context.Context, s Settings, pool *ssh.Pool, t ssh.Target) (hostkey.DialFunc, error) {
	if s.Lab != nil {
		return hostkey.DialFunc(s.Lab.Dial), nil
	}
	if len(t.Hops) == 0 {
		return (&net.Dialer{}).DialContext, nil
	}
	bastion, err := pool.Bastion(ctx, t)
	if err != nil {
		return nil, err
	}
	return bastion.DialContext, nil
}

// Accept writes a key of Scan to a known_hosts file. A key that differs from a
// known one is refused unless replaced.
func Accept(file, address string, key HostKey, replaced bool) error {
	return hostkey.Accept(file, address, replaced, key.public)
}

// KnownHosts is the file that Accept should write to: the first that is read
// for the host.
func KnownHosts(s Settings, h inventory.Host) (string, error) {
	pool, target, err := reach(s)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	t, err := target(h)
	if err != nil {
		return "", err
	}
	if len(t.KnownHosts) == 0 {
		return "", fmt.Errorf("cannot accept a key of %s: no known_hosts file is in use; name one with --known-hosts", h.Name)
	}
	return t.KnownHosts[0], nil
}

// HostKey implements fleet.Agent.
func (a *agent) HostKey() string { return a.conn.HostKey() }

// Replaced implements fleet.Agent.
func (a *agent) Replaced() (bool, error) { return a.conn.Replaced() }
