package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"provision/provision/inventory"
)

// bootTimeout bounds the boot of a host. A machine under load takes 20 s, a
// virtual one without help of the processor ten times as long.
const bootTimeout = 2 * time.Minute

func (h hostState) bootTimeout() time.Duration {
	if h.Kind == VM {
		return 5 * bootTimeout
	}
	return bootTimeout
}

// Up boots the inventory's hosts and returns when each runs systemd and
// answers SSH. They keep running after the calling process ends. A lab that is
// up already is returned as it is, with hosts that are off switched on; one
// that was half made is removed first. When it fails, Down cleans up.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("cannot boot lab hosts: that takes root; run it with sudo")
	}
	if err := prepare(ctx, o.Progress, o.tools()); err != nil {
		return nil, err
	}
	dir := filepath.Join(o.StateDir, o.Name)
	unlock, err := lock(dir, refuseLock)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if l, err := OpenIn(o.StateDir, o.Name); err == nil && l.state.Ready {
		return l, l.again(ctx, o)
	}
	if err := clean(ctx, o.StateDir, o.Name); err != nil {
		return nil, fmt.Errorf("removing the remains of an earlier lab: %w", err)
	}
	rootfs, err := makeRootfs(ctx, o.CacheDir, Container, o.Suite, o.Progress)
	if err != nil {
		return nil, err
	}
	var vm *vmState
	if o.has(VM) {
		if vm, err = prepareVM(ctx, o); err != nil {
			return nil, err
		}
	}
	l, keys, err := newLab(o, rootfs, vm)
	if err != nil {
		return nil, err
	}
	return l, l.boot(ctx, o, keys)
}

// complete fills in the defaults and refuses what cannot be done.
func (o *Options) complete() error {
	if o.Inventory == nil || len(o.Inventory.Hosts) == 0 {
		return errors.New("cannot boot a lab: the inventory has no hosts")
	}
	if o.Name == "" {
		o.Name = o.Inventory.Cluster.Name
	}
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir
	}
	if o.Suite == "" {
		o.Suite = DefaultSuite
	}
	if o.Kind == "" {
		o.Kind = Container
	}
	if _, err := driverOf(o.Kind); err != nil {
		return err
	}
	if err := o.checkHosts(); err != nil {
		return err
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.CacheDir == "" {
		dir, err := defaultCache()
		if err != nil {
			return err
		}
		o.CacheDir = dir
	}
	dir, err := filepath.Abs(o.StateDir)
	if err != nil {
		return fmt.Errorf("finding the state folder: %w", err)
	}
	o.StateDir = dir
	return checkName(o.Name)
}

// checkHosts refuses disks and machines of hosts that are not there.
func (o *Options) checkHosts() error {
	unknown := func(name string) bool {
		return !slices.ContainsFunc(o.Inventory.Hosts, func(h inventory.Host) bool { return h.Name == name })
	}
	for _, d := range o.Disks {
		if err := d.check(); err != nil {
			return err
		}
		if d.Host != "" && unknown(d.Host) {
			return fmt.Errorf("cannot make disk %s: the inventory has no host %q", d.Path, d.Host)
		}
		if d.Path != "/" && d.Host != "" && o.kindOf(d.Host) == VM {
			return fmt.Errorf("cannot make disk %s: %s is a virtual machine, which has one disk, /", d.Path, d.Host)
		}
	}
	for _, name := range o.VMs {
		if unknown(name) {
			return fmt.Errorf("cannot make %q a virtual machine: the inventory has no such host", name)
		}
	}
	return o.Machine.complete()
}

func (o *Options) kindOf(host string) Kind {
	if slices.Contains(o.VMs, host) {
		return VM
	}
	return o.Kind
}

// has reports whether some host is of the kind.
func (o *Options) has(k Kind) bool {
	return slices.ContainsFunc(o.Inventory.Hosts, func(h inventory.Host) bool { return o.kindOf(h.Name) == k })
}

// newLab describes the lab, without making anything but its keys.
func newLab(o Options, rootfs string, vm *vmState) (*Lab, []keyPair, error) {
	inv := o.Inventory
	s := &state{Version: stateVersion, Name: o.Name, ID: labID(o.StateDir, o.Name), Created: time.Now().UTC(),
		User: orRoot(inv.SSH.User), Rootfs: rootfs}
	var addrs, taken []netip.Addr
	var keys []keyPair
	for i, h := range inv.Hosts {
		key, err := newKeyPair("root@" + h.Name)
		if err != nil {
			return nil, nil, err
		}
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return nil, nil, fmt.Errorf("making a machine id: %w", err)
		}
		keys, addrs = append(keys, key), append(addrs, h.Address)
		hs := hostState{Name: h.Name, Kind: o.kindOf(h.Name), Machine: machineName(i), Address: h.Address,
			Port: portOf(inv, h), User: userOf(inv, h), MachineID: hex.EncodeToString(id[:]), HostKey: key.Public,
			Disks: disksOf(o.Disks, h.Name)}
		if hs.Kind == VM {
			hs.VM = vm
		}
		s.Hosts = append(s.Hosts, hs)
	}
	if a, err := netip.ParseAddr(inv.Cluster.APIAddress); err == nil {
		taken = append(taken, a) // a virtual address that hosts will hold
	}
	subnets, err := planSubnets(addrs, taken)
	s.Subnets = subnets
	return &Lab{dir: filepath.Join(o.StateDir, o.Name), state: s}, keys, err
}

func orRoot(user string) string {
	if user == "" {
		return "root"
	}
	return user
}

func userOf(inv *inventory.Inventory, h inventory.Host) string {
	if h.User != "" {
		return h.User
	}
	return orRoot(inv.SSH.User)
}

func portOf(inv *inventory.Inventory, h inventory.Host) int {
	for _, p := range []int{h.Port, inv.SSH.Port} {
		if p != 0 {
			return p
		}
	}
	return 22
}

// boot makes everything: state first, then what it describes.
func (l *Lab) boot(ctx context.Context, o Options, keys []keyPair) error {
	groups, err := detectCgroups()
	if err != nil {
		return err
	}
	client, err := newKeyPair("provision-lab-" + l.state.Name)
	if err != nil {
		return err
	}
	err = errors.Join(l.state.save(l.dir),
		writeFileAtomic(l.SSHFiles().Key, client.Private, 0o600),
		writeFileAtomic(l.SSHFiles().Key+".pub", []byte(client.Public+"\n"), 0o644),
		writeFileAtomic(l.SSHFiles().KnownHosts, knownHosts(l.state.Hosts), 0o644))
	if err != nil {
		return err
	}
	for i, h := range l.state.Hosts {
		sub, _ := subnetOf(l.state.Subnets, h.Address)
		s := seed{Lab: l.state.Name, Host: h, Users: l.users(), Subnet: sub, CgroupV1: groups.V1, HostKey: keys[i],
			Authorized: client.Public}
		if err := l.makeHost(ctx, h, s); err != nil {
			return err
		}
	}
	if err := thisMachine().join(l.state.ID); err != nil {
		return err
	}
	if err := makeNetns(l.state.ID, l.state.Subnets); err != nil {
		return err
	}
	o.Progress(fmt.Sprintf("booting %d hosts", len(l.state.Hosts)))
	if err := l.startAll(ctx, o.Progress, l.state.Hosts); err != nil {
		return err
	}
	return l.update(func(s *state) { s.Ready = true })
}

// users are all login users of the lab's hosts, in a fixed order.
func (l *Lab) users() []string {
	users := []string{l.state.User}
	for _, h := range l.state.Hosts {
		users = append(users, h.User)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// makeHost lays out a host's folder.
func (l *Lab) makeHost(ctx context.Context, h hostState, s seed) error {
	dir := l.hostDir(h.Name)
	rootfs := l.state.Rootfs
	if h.Kind == VM {
		rootfs = h.VM.Rootfs
	}
	var err error
	if s.Accounts, err = readAccounts(rootfs); err != nil {
		return err
	}
	if h.Kind == VM {
		return makeVM(ctx, dir, h, s)
	}
	for _, d := range []string{upperDir(dir), workDir(dir), dataDir(dir)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("creating the folder of host %s: %w", h.Name, err)
		}
	}
	for _, d := range dataDirs {
		if err := os.MkdirAll(filepath.Join(dataDir(dir), filepath.Base(d)), 0o755); err != nil {
			return fmt.Errorf("creating the folder of host %s: %w", h.Name, err)
		}
	}
	if err := writeSeed(upperDir(dir), s.files()); err != nil {
		return err
	}
	return makeDisks(ctx, dir, h.Disks)
}

// startAll boots hosts at once and waits for all of them.
func (l *Lab) startAll(ctx context.Context, progress func(string), hosts []hostState) error {
	var g errgroup.Group
	for _, h := range hosts {
		g.Go(func() error {
			begin, said := time.Now(), l.consoleSize(h.Name)
			if err := l.start(ctx, h); err != nil {
				return fmt.Errorf("booting host %s: %w\nits console (%s) ends with:\n%s", h.Name, err, l.console(h.Name), l.consoleTail(h.Name, said))
			}
			progress(fmt.Sprintf("host %s (%s) answers after %.1fs", h.Name, h.Address, time.Since(begin).Seconds()))
			return nil
		})
	}
	return g.Wait()
}

func (l *Lab) consoleSize(host string) int64 {
	info, err := os.Stat(l.console(host))
	if err != nil {
		return 0
	}
	return info.Size()
}

// consoleTail is the end of what the console said after so many bytes: former
// boots explain nothing.
func (l *Lab) consoleTail(host string, after int64) string {
	data, err := os.ReadFile(l.console(host))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return tail(data[min(after, int64(len(data))):], 20)
}

// again is Up of a lab that is there: the same hosts are wanted, and on.
func (l *Lab) again(ctx context.Context, o Options) error {
	var off []hostState
	for _, h := range o.Inventory.Hosts {
		have, err := l.state.host(h.Name)
		if err != nil || have.Kind != o.kindOf(h.Name) || have.Address != h.Address || have.Port != portOf(o.Inventory, h) || have.User != userOf(o.Inventory, h) {
			return fmt.Errorf("cannot bring lab %q up: it runs with other hosts than the inventory (see %s); run provision lab down first", o.Name, h.Name)
		}
	}
	if len(o.Inventory.Hosts) != len(l.state.Hosts) {
		return fmt.Errorf("cannot bring lab %q up: it has %d hosts and the inventory %d; run provision lab down first", o.Name, len(l.state.Hosts), len(o.Inventory.Hosts))
	}
	for _, h := range l.state.Hosts {
		if !h.Process.alive() {
			off = append(off, h)
		}
	}
	return l.startAll(ctx, o.Progress, off)
}
