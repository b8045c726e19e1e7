package fleettest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/agent"
	"provision/provision/agent/blobs"
	"provision/provision/agent/renewal"
	"provision/provision/facts"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/inventory"
)

// Host is one machine.
type Host struct {
	Name string
	// Root is the folder that is its file system.
	Root string

	fleet   *Fleet
	server  *sshtest.Server
	address string
	// key is a machine's own host key, when it is not the fleet's; accepted is
	// what its operators say of it.
	key      gossh.Signer
	accepted bool
	impostor Impostor
	shell    sshtest.Handler
	boots    boots
	running  sync.WaitGroup // its agents
}

// Impostor speaks in the place of a host's agent: input and output are those of
// "provision-agent serve NONCE".
type Impostor func(ctx context.Context, nonce string, in io.Reader, out io.Writer) error

// Pretend has something else answer than our agent, for those who connect from
// now on; nil: the agent again.
func (h *Host) Pretend(impostor Impostor) { h.impostor = impostor }

// Login has something else answer than a login shell that runs what it is told,
// for commands from now on; nil: the shell again. Next is what that shell does.
func (h *Host) Login(shell func(ctx context.Context, e sshtest.Exec, next sshtest.Handler) int) {
	h.shell = nil
	if shell != nil {
		h.shell = func(ctx context.Context, e sshtest.Exec) int { return shell(ctx, e, sshtest.Agent(h.agent, exec)) }
	}
}

// login runs a command as the host's login shell does.
func (h *Host) login(ctx context.Context, e sshtest.Exec) int {
	if h.shell != nil {
		return h.shell(ctx, e)
	}
	return sshtest.Agent(h.agent, exec)(ctx, e)
}

// files are what a bare Debian has, as far as anybody looks.
var files = map[string]string{
	"/etc/os-release":                         "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
	"/etc/passwd":                             "root:x:0:0:root:/root:/bin/bash\n",
	"/etc/group":                              "root:x:0:\n",
	"/etc/hosts":                              "127.0.0.1 localhost\n",
	"/etc/resolv.conf":                        "nameserver 10.0.0.1\n",
	"/proc/1/comm":                            "systemd\n",
	"/proc/meminfo":                           "MemTotal: 8388608 kB\n",
	"/proc/sys/kernel/osrelease":              "6.1.0-18-amd64\n",
	"/proc/sys/kernel/random/boot_id":         "6f0c2a52-7a52-4a0c-9c5e-2f6a55b1c001\n",
	"/proc/self/status":                       "CapBnd:\t000001ffffffffff\n",
	"/sys/fs/cgroup/cgroup.controllers":       "cpuset cpu memory pids\n",
	"/usr/lib/systemd/libsystemd-core-252.so": "",
	"/usr/lib/systemd/system/systemd-journald.service": "[Service]\n",
	"/usr/lib/systemd/system/haproxy.service":          "[Service]\n",
	"/usr/lib/systemd/system/chrony.service":           "[Service]\n",
	"/usr/sbin/nologin":                                "",
	"/proc/sys/fs/file-max":                            "1048576\n",
	"/proc/sys/fs/inotify/max_user_instances":          "128\n",
	"/proc/sys/fs/inotify/max_user_watches":            "8192\n",
	"/proc/sys/kernel/pid_max":                         "32768\n",
	"/proc/sys/vm/max_map_count":                       "65530\n",
	"/proc/sys/kernel/panic":                           "0\n",
	"/proc/sys/kernel/panic_on_oops":                   "0\n",
	"/proc/sys/vm/overcommit_memory":                   "0\n",
	"/proc/sys/vm/panic_on_oom":                        "0\n",
	"/proc/sys/net/ipv4/ip_forward":                    "0\n",
	"/proc/sys/net/ipv4/conf/all/forwarding":           "0\n",
	"/proc/sys/net/core/somaxconn":                     "4096\n",
	"/proc/sys/net/bridge/bridge-nf-call-iptables":     "1\n",
	"/proc/sys/net/bridge/bridge-nf-call-ip6tables":    "1\n",
	"/sys/module/br_netfilter/refcnt":                  "0\n",
	"/sys/module/nf_conntrack/refcnt":                  "0\n",
	"/sys/module/nf_tables/refcnt":                     "0\n",
	"/sys/module/overlay/refcnt":                       "0\n",
	"/sys/module/vxlan/refcnt":                         "0\n",
}

func (f *Fleet) boot(h inventory.Host) (*Host, error) {
	f.booted++
	host := &Host{Name: h.Name, Root: filepath.Join(f.dir, "hosts", h.Name, fmt.Sprint(f.booted)), fleet: f, address: h.Address.String()}
	for path, content := range files {
		if err := host.Write(path, content); err != nil {
			return nil, err
		}
	}
	err := errors.Join(host.Write("/etc/machine-id", fmt.Sprintf("%032x\n", f.booted)),
		host.Write("/proc/sys/kernel/hostname", h.Name+"\n"))
	host.server = &sshtest.Server{
		HostKeys: []gossh.Signer{f.hostKey},
		Users:    map[string]sshtest.User{"root": {Keys: []gossh.PublicKey{f.login}}},
		Exec:     host.login,
	}
	return host, err
}

// exec knows "true", which baselines run.
func exec(_ context.Context, e sshtest.Exec) int {
	if len(e.Argv) == 1 && e.Argv[0] == "true" {
		return 0
	}
	return 127
}

// agent is the agent's command line (see package agent/command).
func (h *Host) agent(ctx context.Context, args []string, e sshtest.Exec) int {
	h.fleet.agents.Add(1)
	defer h.fleet.agents.Done()
	h.running.Add(1)
	defer h.running.Done()
	var err error
	switch {
	case len(args) == 2 && args[0] == "serve" && h.impostor != nil:
		err = h.impostor(ctx, args[1], e.Stdin, e.Stdout)
	case len(args) == 2 && args[0] == "serve":
		err = h.serve(ctx, args[1], e)
	case len(args) >= 1 && args[0] == "blobs":
		err = blobs.Receive(ctx, filepath.Join(h.Root, system.BlobDir), e.Stdin, e.Stdout)
	default:
		err = fmt.Errorf("arguments %q are unknown", args)
	}
	if err != nil {
		_, _ = fmt.Fprintln(e.Stderr, err)
		return 1
	}
	return 0
}

// system is the host as its agents have it.
func (h *Host) system() (*system.System, error) {
	point := func(name string) {
		if h.fleet.options.Point != nil {
			h.fleet.options.Point(h.Name, name)
		}
	}
	fake, err := systemfake.Open(h.Root, systemfake.Options{Point: point, Now: h.fleet.options.Now})
	if err != nil {
		return nil, err
	}
	fake.System.Units = units{fake.System.Units, h}
	fake.Commands.Handle("/usr/sbin/haproxy", func([]string) (string, error) { return "", nil })
	fake.Commands.Handle("systemctl", h.systemctl)
	fake.Commands.Handle("/usr/local/bin/etcdutl", h.etcdutl)
	fake.Commands.Handle("systemd-run", h.systemdRun)
	fake.Commands.Handle("journalctl", func([]string) (string, error) { return "", nil })
	return fake.System, nil
}

// Renew runs the service of the host's renewal timer once.
func (h *Host) Renew(ctx context.Context, say func(format string, args ...any)) error {
	host, err := h.system()
	if err != nil {
		return err
	}
	return renewal.Renew(ctx, agent.Options{System: host, Kinds: h.fleet.kinds, Network: from{h.fleet.Network, h.address}}, say)
}

func (h *Host) serve(ctx context.Context, nonce string, e sshtest.Exec) error {
	host, err := h.system()
	if err != nil {
		return err
	}
	// The connection's end is the session's: sshd closes the agent's input.
	in := &input{Reader: e.Stdin}
	return agent.Serve(ctx, in, e.Stdout, nonce, agent.Options{
		System: host, Kinds: h.fleet.kinds, Addresses: h.addresses, Network: from{h.fleet.Network, h.address},
		Ask: func(context.Context, string) error { return nil },
	})
}

// input hides that the channel can be closed: standard input cannot.
type input struct{ io.Reader }

func (h *Host) addresses() ([]facts.Address, error) {
	return []facts.Address{
		{Interface: "lo", CIDR: "127.0.0.1/8"},
		{Interface: "eth0", CIDR: h.address + "/16", MTU: 1500},
	}, nil
}

// Accept is "hostkeys accept --replaced" for the host.
func (h *Host) Accept() { h.accepted = true }

// Write puts a file on the host.
func (h *Host) Write(path, content string) error {
	real := filepath.Join(h.Root, path)
	if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.WriteFile(real, []byte(content), 0o644)
}

// Read returns a file of the host, "" when there is none.
func (h *Host) Read(path string) string {
	raw, err := os.ReadFile(filepath.Join(h.Root, path))
	if err != nil {
		return ""
	}
	return string(raw)
}

// Fail makes the host misbehave for those who connect from now on.
func (h *Host) Fail(fault sshtest.Fault) { h.server.Fail(fault) }

// Hangup ends all connections, as a lost network does.
func (h *Host) Hangup() { h.server.Hangup() }

// Execs counts the exec channels opened so far.
func (h *Host) Execs() int { return h.server.Execs() }

// Break lets a unit fail to start, with this log; none fixes it.
func (h *Host) Break(unit, log string) error {
	fake, err := systemfake.Open(h.Root, systemfake.Options{})
	if err != nil {
		return err
	}
	return fake.Systemd.Break(unit, log)
}

// Refuse gives a unit a setting that it does not run with.
func (h *Host) Refuse(unit string, refusal systemfake.Refusal) error {
	fake, err := systemfake.Open(h.Root, systemfake.Options{})
	if err != nil {
		return err
	}
	return fake.Systemd.Refuse(unit, refusal)
}

// Units are the units that run, or are to be started at boot.
func (h *Host) Units() (map[string]systemfake.Unit, error) {
	fake, err := systemfake.Open(h.Root, systemfake.Options{})
	if err != nil {
		return nil, err
	}
	return fake.Systemd.All(), nil
}
