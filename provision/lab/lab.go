package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"provision/provision/inventory"
)

// Kind is what a lab host is made of.
type Kind string

// The kinds: containers share this machine's kernel, virtual machines have a
// stock one of their own.
const (
	Container Kind = "container"
	VM        Kind = "vm"
)

// Options says which lab to boot.
type Options struct {
	Inventory *inventory.Inventory
	Name      string // default: the cluster's name
	StateDir  string // default: DefaultStateDir
	CacheDir  string // default: $PROVISION_CACHE, else ~/.cache/provision
	Suite     string // Debian release of the hosts; default: DefaultSuite
	Kind      Kind   // default: Container
	Disks     []Disk // file systems of hosts' own
	// VMs are hosts of kind VM where Kind is Container.
	VMs []string
	// Machine is what each virtual machine has.
	Machine Machine
	// Progress is told what happens, in a line each. It may be nil.
	Progress func(line string)
}

// Machine is the size of a virtual machine.
type Machine struct {
	CPUs   int // default: 2
	Memory int // MiB; default: 2048
}

// Lab is a set of test hosts. Its methods may be called at the same time.
type Lab struct {
	dir   string
	mu    sync.Mutex // guards state
	state *state
}

// Host is what a lab knows about one of its hosts.
type Host struct {
	Name    string
	Kind    Kind
	Address netip.Addr
	Port    int
	User    string
	HostKey string // "ssh-ed25519 AAAA…"
	// Replaced: HostKey was accepted for a machine that replaced another.
	Replaced bool
	On       bool
	Console  string // path of its console log
}

// Name is the lab's name.
func (l *Lab) Name() string { return l.state.Name }

// Dir is the lab's state folder.
func (l *Lab) Dir() string { return l.dir }

// Netns is the path of the lab's network namespace, for nsenter --net.
func (l *Lab) Netns() string { return netnsPath(l.state.ID) }

// Ready reports whether Up finished.
func (l *Lab) Ready() bool { return l.state.Ready }

// Hosts lists the lab's hosts and whether each is running.
func (l *Lab) Hosts() []Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	var hosts []Host
	for _, h := range l.state.Hosts {
		hosts = append(hosts, Host{Name: h.Name, Kind: h.Kind, Address: h.Address, Port: h.Port, User: h.User,
			HostKey: h.HostKey, Replaced: h.Replaced, On: h.Process.alive(), Console: l.console(h.Name)})
	}
	return hosts
}

func (l *Lab) hostDir(host string) string { return filepath.Join(l.dir, "hosts", host) }
func (l *Lab) console(host string) string { return filepath.Join(l.hostDir(host), "console.log") }
func upperDir(hostDir string) string      { return filepath.Join(hostDir, "upper") }
func workDir(hostDir string) string       { return filepath.Join(hostDir, "work") }
func dataDir(hostDir string) string       { return filepath.Join(hostDir, "data") }

// Open finds a lab in the default state folder.
func Open(name string) (*Lab, error) { return OpenIn(DefaultStateDir, name) }

// OpenIn finds a lab in a state folder.
func OpenIn(stateDir, name string) (*Lab, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	dir := filepath.Join(stateDir, name)
	s, err := loadState(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot find lab %q: it is not up; run provision lab up", name)
	}
	if err != nil {
		return nil, err
	}
	whole, err := filepath.Abs(stateDir)
	if err != nil {
		return nil, fmt.Errorf("finding the state folder: %w", err)
	}
	if err := s.check(labID(whole, name)); err != nil {
		return nil, fmt.Errorf("cannot use lab %q: its state in %s is damaged: %w; remove it with provision lab down %[1]s", name, statePath(dir), err)
	}
	return &Lab{dir: dir, state: s}, nil
}

// List names the labs of the default state folder, whole or half made.
func List() ([]string, error) { return ListIn(DefaultStateDir) }

// ListIn names the labs of a state folder.
func ListIn(stateDir string) ([]string, error) {
	entries, err := os.ReadDir(stateDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing labs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && validName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// How lock treats a lock that is held.
const (
	waitForLock = unix.LOCK_EX
	refuseLock  = unix.LOCK_EX | unix.LOCK_NB
)

// lock keeps two processes from changing the same folder at once. It is on the
// folder itself, so nothing is left when the folder goes.
func lock(dir string, how int) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("creating %s: %w", dir, err)
		}
		f, err := os.Open(dir)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", dir, err)
		}
		if err := unix.Flock(int(f.Fd()), how); err != nil {
			f.Close()
			return nil, fmt.Errorf("cannot lock %s: another provision is working on it (%w); wait for it to end", dir, err)
		}
		held, err1 := f.Stat()
		there, err2 := os.Stat(dir)
		if err1 == nil && err2 == nil && os.SameFile(held, there) {
			return func() { f.Close() }, nil
		}
		f.Close() // it was removed while we opened it
	}
}

// update changes the state and saves it: as it is on disk, for another process
// may have switched a host off and on meanwhile.
func (l *Lab) update(change func(*state)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := lock(filepath.Join(l.dir, "hosts"), waitForLock)
	if err != nil {
		return err
	}
	defer unlock()
	l.refresh()
	change(l.state)
	return l.state.save(l.dir)
}

// refresh reads what other processes did to the lab. A lab that is gone keeps
// what we know.
func (l *Lab) refresh() {
	if s, err := loadState(l.dir); err == nil && s.check(l.state.ID) == nil {
		l.state.Hosts, l.state.Ready = s.Hosts, s.Ready
	}
}

func (l *Lab) host(name string) (hostState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refresh()
	h, err := l.state.host(name)
	if err != nil {
		return hostState{}, err
	}
	return *h, nil
}
