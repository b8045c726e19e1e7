package ssh

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"provision/provision/secret"
)

// Target is where a host is and how to log in to it.
type Target struct {
	Name          string // in the inventory, for messages
	Address       string // what is dialled: an IP address or a name
	Port          int
	User          string
	IdentityFiles []string
	UseAgent      bool // offer the keys of ssh-agent
	// IdentitiesOnly keeps the agent to the keys of IdentityFiles.
	IdentitiesOnly bool
	KnownHosts     []string // files; missing ones are empty
	HostKeyPin     string   // "ssh-ed25519 AAAA…" or "SHA256:…"; known_hosts when empty
	// Replaced says of HostKeyPin that it was accepted for a machine that
	// replaces another; known_hosts says it of its own keys.
	Replaced     bool
	Hops         []Hop // bastions in order
	Password     secret.Value
	Sudo         bool // run as root through sudo
	SudoPassword secret.Value
	// ConnectTimeout bounds dialling and logging in, each hop for itself.
	ConnectTimeout time.Duration
	// Keepalive is the interval of keepalives; 0 sends none.
	Keepalive time.Duration
}

// Hop is one bastion. Known hosts, agent and timeouts are the target's.
type Hop struct {
	Address       string
	Port          int
	User          string
	IdentityFiles []string
	HostKeyPin    string
}

// Endpoint is the address and port that is dialled.
func (t Target) Endpoint() string {
	return net.JoinHostPort(t.Address, strconv.Itoa(t.Port))
}

// String names the target in messages: "m1 (10.0.0.11:22)".
func (t Target) String() string {
	if t.Name == "" || t.Name == t.Address {
		return t.Endpoint()
	}
	return fmt.Sprintf("%s (%s)", t.Name, t.Endpoint())
}

// key says which targets can share a connection.
func (t Target) key() string {
	parts := make([]string, 0, len(t.Hops)+1)
	for _, h := range t.Hops {
		parts = append(parts, fmt.Sprintf("%s@%s#%d", h.User, h.Address, h.Port))
	}
	parts = append(parts, fmt.Sprintf("%s@%s#%d", t.User, t.Address, t.Port))
	return strings.Join(parts, " ")
}

// last returns the last bastion as a target of its own.
func (t Target) last() Target {
	hop := t.Hops[len(t.Hops)-1]
	via := t
	via.Name = "bastion " + hop.Address
	via.Address, via.Port, via.User = hop.Address, hop.Port, hop.User
	via.HostKeyPin = hop.HostKeyPin
	via.Hops = t.Hops[:len(t.Hops)-1]
	via.Password, via.SudoPassword, via.Sudo = secret.Value{}, secret.Value{}, false
	if len(hop.IdentityFiles) > 0 {
		via.IdentityFiles = hop.IdentityFiles
	}
	return via
}

func (t Target) withDefaults() Target {
	if t.Port == 0 {
		t.Port = 22
	}
	if t.ConnectTimeout <= 0 {
		t.ConnectTimeout = 15 * time.Second
	}
	hops := make([]Hop, len(t.Hops))
	for i, h := range t.Hops {
		if h.Port == 0 {
			h.Port = 22
		}
		if h.User == "" {
			h.User = t.User
		}
		hops[i] = h
	}
	t.Hops = hops
	return t
}
