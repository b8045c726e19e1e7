package remote

import (
	"context"
	"fmt"
	"net"
	"os"

	"provision/provision/internal/agentbin"
	"provision/provision/internal/ssh"
	"provision/provision/inventory"
	"provision/provision/secret"
)

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Ask asks a person for a password or passphrase, without echo. Where says for
// which host or key file.
type Ask func(ctx context.Context, where, question string) (secret.Value, error)

// LabHost is how a host of a lab is reached: by the lab's own key and pin.
type LabHost struct {
	Address string
	Port    int
	User    string
	HostKey string
	// Replaced: HostKey was accepted for a machine that replaced another.
	Replaced bool
}

// Lab redirects everything to the hosts of a lab.
type Lab struct {
	Name  string
	Dial  Dial
	Key   string // private key file
	Hosts map[string]LabHost
}

// Settings are what Open works with.
type Settings struct {
	Inventory *inventory.Inventory
	Lookup    func(name string) (string, bool) // environment
	Ask       Ask                              // nil: nobody can be asked
	Lab       *Lab                             // nil: the real hosts
}

// Open prepares connections to the inventory's hosts. It opens none yet.
func Open(s Settings) (*Connector, error) {
	agents, err := agentbin.Load()
	if err != nil {
		return nil, err
	}
	builds := map[string][]byte{}
	for arch, binary := range agents {
		builds[arch] = binary.Bytes
	}
	pool, target, err := reach(s)
	if err != nil {
		return nil, err
	}
	return New(Options{Pool: pool, Target: target, Agent: ssh.NewAgentBinary(builds)}), nil
}

type targeter func(host inventory.Host) (ssh.Target, error)

func reach(s Settings) (*ssh.Pool, targeter, error) {
	options := ssh.Options{Parallel: s.Inventory.SSH.Parallel}
	options.AgentSocket, _ = s.Lookup("SSH_AUTH_SOCK")
	if s.Ask != nil {
		options.Prompt = func(ctx context.Context, q ssh.Question) (secret.Value, error) {
			return s.Ask(ctx, q.Host, q.Text)
		}
	}
	if s.Lab != nil {
		options.Dial = ssh.DialFunc(s.Lab.Dial)
		options.AgentSocket = ""
		return ssh.NewPool(options), s.labTarget, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the home folder: %w", err)
	}
	resolver, err := ssh.NewResolver(s.Inventory.SSH, ssh.Local{Home: home, Lookup: s.Lookup})
	if err != nil {
		return nil, nil, err
	}
	return ssh.NewPool(options), resolver.Target, nil
}

// labTarget is the host in the lab: same name, address and user, but the lab's
// own keys; bastions and the person's own settings do not apply.
func (s Settings) labTarget(h inventory.Host) (ssh.Target, error) {
	known, ok := s.Lab.Hosts[h.Name]
	if !ok {
		return ssh.Target{}, fmt.Errorf("host %s is not in lab %q; boot it with: provision lab up", h.Name, s.Lab.Name)
	}
	return ssh.Target{
		Name: h.Name, Address: known.Address, Port: known.Port, User: known.User,
		IdentityFiles: []string{s.Lab.Key}, HostKeyPin: known.HostKey, Replaced: known.Replaced, Sudo: known.User != "root",
		ConnectTimeout: s.Inventory.SSH.ConnectTimeout, Keepalive: s.Inventory.SSH.Keepalive,
	}, nil
}
