package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// driver makes the hosts of one kind run. What it starts must end when it is
// killed and must be in the host's cgroup, for that is all Down knows of it.
type driver interface {
	// start boots the host and returns its process, and a channel's end from
	// which the host says that it is up.
	start(l *Lab, h hostState) (*booting, error)
}

// booting is a host on its way up.
type booting struct {
	process *os.Process
	ready   func(context.Context) error // waits until its init has booted
	close   func()
}

func driverOf(k Kind) (driver, error) {
	switch k {
	case Container:
		return containers{}, nil
	case VM:
		return machines{}, nil
	}
	return nil, fmt.Errorf("cannot boot lab hosts of kind %q: there are %q and %q", k, Container, VM)
}

// containers are hosts by systemd-nspawn.
type containers struct{}

func (containers) start(l *Lab, h hostState) (*booting, error) {
	groups, err := detectCgroups()
	if err != nil {
		return nil, err
	}
	if err := groups.makeGroup(l.group(h.Name)); err != nil {
		return nil, err
	}
	ready, err := listenReady(filepath.Join(l.hostDir(h.Name), "notify"))
	if err != nil {
		return nil, err
	}
	n := nspawn{Root: privateRoot, Machine: h.Machine, Hostname: h.Name, Bridge: bridgeName(l.state.ID),
		DataDir: filepath.Join(privateHost, "data"), Disks: h.Disks, Devices: devices()}
	p, err := spawn(container{Netns: l.Netns(), Groups: groups, Group: l.group(h.Name), Lower: l.state.Rootfs,
		HostDir: l.hostDir(h.Name), Disks: h.Disks, Console: l.console(h.Name), Argv: supervised(n.argv()), Env: []string{
			"PATH=" + os.Getenv("PATH"),
			"SYSTEMD_NSPAWN_API_VFS_WRITABLE=1", // kubelet writes /proc/sys
			"NOTIFY_SOCKET=" + filepath.Join(privateHost, "notify")}})
	if err != nil {
		ready.Close()
		return nil, err
	}
	return &booting{process: p, close: func() { ready.Close() },
		ready: func(ctx context.Context) error { return awaitReady(ctx, ready, p) }}, nil
}

// devices are the machine's device nodes that kubelet and FUSE mounts use.
func devices() []string {
	var found []string
	for _, d := range []string{"/dev/kmsg", "/dev/fuse"} {
		if _, err := os.Stat(d); err == nil {
			found = append(found, d)
		}
	}
	return found
}

// listenReady opens the socket on which systemd-nspawn passes the boot's end on.
func listenReady(path string) (*net.UnixConn, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, fmt.Errorf("removing an old notification socket: %w", err)
	}
	// A folder below /proc/self/fd keeps the address within its 108 bytes.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("opening the host's folder: %w", err)
	}
	defer dir.Close()
	short := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: short, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listening for the end of the boot: %w", err)
	}
	return conn, nil
}
