package fleettest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	addonlist "provision/addons/catalogue"
	"provision/provision"
	"provision/provision/agent/client"
	"provision/provision/component/components"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/remote"
	"provision/provision/resource"
	"provision/provision/resource/clusterkinds"
)

// Options of a fleet; all may be left out.
type Options struct {
	// Point is called at the kill points of a host's changes.
	Point func(host, name string)
	// Now is the clock of hosts and operators.
	Now func() time.Time
	// Limits are how long agents may take, and HelloTime how long to start;
	// zero: as usual.
	Limits    client.Limits
	HelloTime time.Duration
	// Kinds are further kinds that agents know.
	Kinds []resource.Kind[*system.System]
}

// Fleet is a set of hosts that outlives operators.
type Fleet struct {
	API       *API
	Artifacts *Artifacts
	// Network is what hosts reach each other through.
	Network *Network

	options Options
	dir     string
	network *sshtest.Network
	hosts   map[string]*Host
	key     string // private key file of the login
	login   gossh.PublicKey
	hostKey gossh.Signer
	booted  int // machines so far
	agents  sync.WaitGroup
	kinds   []resource.Kind[*system.System]
	bytes   atomic.Int64
}

// New makes a fleet whose files are below dir. Close it.
func New(dir string, options Options) (*Fleet, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	f := &Fleet{
		API: newAPI(options.Now), Artifacts: newArtifacts(), Network: &Network{streams: map[string]*port{}, packets: map[string]*datagrams{}}, options: options, dir: dir,
		network: sshtest.NewNetwork(), hosts: map[string]*Host{},
		kinds:   gatedKinds(make(chan struct{}, 2*runtime.GOMAXPROCS(0)), options.Kinds),
		hostKey: sshtest.NewSigner(), key: filepath.Join(dir, "login"),
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making login key: %w", err)
	}
	block, err := gossh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, fmt.Errorf("writing login key: %w", err)
	}
	signer, err := gossh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("reading login key: %w", err)
	}
	f.login = signer.PublicKey()
	return f, os.WriteFile(f.key, pem.EncodeToMemory(block), 0o600)
}

// Close hangs up on everyone and waits for the agents.
func (f *Fleet) Close() { f.network.Close() }

// Quiet waits until the agents of all sessions that were closed have ended: what
// they write last is written.
func (f *Fleet) Quiet() { f.agents.Wait() }

// Boot brings up those hosts of the inventory that do not run yet.
func (f *Fleet) Boot(inv *inventory.Inventory) error {
	for _, h := range inv.Hosts {
		if f.hosts[h.Name] != nil {
			continue
		}
		host, err := f.boot(h)
		if err != nil {
			return fmt.Errorf("booting %s: %w", h.Name, err)
		}
		f.hosts[h.Name] = host
		f.network.Add(endpoint(h), host.server)
	}
	return nil
}

func endpoint(h inventory.Host) string { return net.JoinHostPort(h.Address.String(), "22") }

// Replace puts a new empty machine, with another machine-id and host key, in
// the place of a host. Nobody has accepted it.
func (f *Fleet) Replace(h inventory.Host) error {
	if old := f.hosts[h.Name]; old != nil {
		old.Hangup()
	}
	host, err := f.boot(h)
	if err != nil {
		return fmt.Errorf("booting %s: %w", h.Name, err)
	}
	host.key = sshtest.NewSigner()
	host.server.HostKeys = []gossh.Signer{host.key}
	f.hosts[h.Name] = host
	f.network.Add(endpoint(h), host.server)
	return nil
}

func keyLine(key gossh.Signer) string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key.PublicKey())))
}

// Host returns a booted host.
func (f *Fleet) Host(name string) *Host { return f.hosts[name] }

// Bytes is what went over all connections so far, both ways.
func (f *Fleet) Bytes() int64 { return f.bytes.Load() }

// Execs is the number of exec channels opened so far, on all hosts.
func (f *Fleet) Execs() int {
	total := 0
	for _, h := range f.hosts {
		total += h.server.Execs()
	}
	return total
}

// Connector reaches the fleet's hosts over SSH.
func (f *Fleet) Connector(parallel int) fleet.Connector {
	return remote.New(remote.Options{
		Pool:   ssh.NewPool(ssh.Options{Dial: f.dial, Parallel: parallel, Patience: f.options.HelloTime}),
		Agent:  ssh.NewAgentBinary(map[string][]byte{"amd64": {1}, "arm64": {1}}),
		Target: func(h inventory.Host) (ssh.Target, error) { return f.target(h), nil },
		Limits: f.options.Limits, HelloTime: f.options.HelloTime,
	})
}

// Operator is a new operator of the inventory's hosts, with everything that
// the command line wires together. Close it.
func (f *Fleet) Operator(inv *inventory.Inventory, tune ...func(*provision.Options)) *provision.Operator {
	options := provision.Options{
		Inventory: inv, Store: f.Artifacts, Connector: f.Connector(inv.SSH.Parallel),
		Components: components.All(), Addons: addonlist.All(), ClusterKinds: clusterkinds.All(),
		API: f.API, Holder: "ann@desk (process 1)", Sink: event.Discard, Now: f.options.Now, Steady: time.Millisecond,
	}
	for _, t := range tune {
		t(&options)
	}
	return provision.New(options)
}

func (f *Fleet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := f.network.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &counted{Conn: conn, total: &f.bytes}, nil
}

// counted counts what a connection carries.
type counted struct {
	net.Conn
	total *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.total.Add(int64(n))
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.total.Add(int64(n))
	return n, err
}

// Exec runs a command on each host in turn, each over a new connection: what a
// loop around ssh does.
func (f *Fleet) Exec(ctx context.Context, inv *inventory.Inventory, argv ...string) error {
	for _, h := range inv.Hosts {
		if err := f.execOne(ctx, h, argv); err != nil {
			return fmt.Errorf("running %s on %s: %w", argv[0], h.Name, err)
		}
	}
	return nil
}

func (f *Fleet) execOne(ctx context.Context, h inventory.Host, argv []string) error {
	pool := ssh.NewPool(ssh.Options{Dial: f.dial})
	defer pool.Close()
	conn, err := pool.Connect(ctx, f.target(h))
	if err != nil {
		return err
	}
	process, err := conn.Start(ctx, argv, ssh.StartOptions{})
	if err != nil {
		return err
	}
	return process.Wait()
}

func (f *Fleet) target(h inventory.Host) ssh.Target {
	target := ssh.Target{Name: h.Name, Address: h.Address.String(), Port: 22, User: "root",
		IdentityFiles: []string{f.key}, HostKeyPin: keyLine(f.hostKey)}
	for _, host := range f.hosts { // by address: an inventory may call it by another name
		if host.address == target.Address && host.key != nil {
			target.HostKeyPin, target.Replaced = keyLine(host.key), host.accepted
		}
	}
	return target
}
