package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// netnsDir is where iproute2 looks too, so "ip netns" shows the labs.
const netnsDir = "/run/netns"

func netnsPath(id string) string { return filepath.Join(netnsDir, netnsName(id)) }

// makeNetns creates the lab's network namespace with its bridge. Nothing in it
// leads out: its only interfaces are loopback, the bridge and the hosts' ends.
func makeNetns(id string, subnets []subnet) error {
	path := netnsPath(id)
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return fmt.Errorf("creating %s: %w", netnsDir, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return fmt.Errorf("naming the lab's network namespace: %w", err)
	}
	f.Close()
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("creating a network namespace: %w", err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("naming the network namespace: %w", err)
		}
		return makeBridge(bridgeName(id), subnets)
	})
}

// makeBridge builds the rack's switch, which also routes between subnets.
func makeBridge(name string, subnets []subnet) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback interface: %w", err)
	}
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
	if err := errors.Join(netlink.LinkSetUp(lo), netlink.LinkAdd(br), netlink.LinkSetUp(br)); err != nil {
		return fmt.Errorf("creating bridge %s: %w", name, err)
	}
	for _, s := range subnets {
		addr := &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(s.Gateway, s.Prefix.Bits()))}
		if s.Gateway.Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(br, addr); err != nil {
			return fmt.Errorf("giving %s to bridge %s: %w", s.Gateway, name, err)
		}
	}
	// Forwarding stays within the bridge; redirects would tell hosts to
	// bypass the gateway.
	for name, value := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1",
		"ipv4/conf/all/send_redirects": "0", "ipv4/conf/" + name + "/send_redirects": "0",
	} {
		err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting net/%s in the lab's network namespace: %w", name, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// removeNetns takes the name away; the namespace, its bridge and links go with
// the last process in it.
func removeNetns(id string) error {
	path := netnsPath(id)
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing the network namespace %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the network namespace %s: %w", path, err)
	}
	_ = os.Remove(netnsDir) // only when it is empty
	return nil
}

// onThread runs f on a thread of its own and waits for it.
func onThread(f func() error) error {
	done := make(chan error, 1)
	onOwnThread(func() { done <- f() })
	return <-done
}

// inNetns runs f on a thread inside the named network namespace.
func inNetns(path string, f func() error) error {
	ns, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the lab's network namespace: %w", err)
	}
	defer ns.Close()
	return onThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the lab's network namespace: %w", err)
		}
		return f()
	})
}

// Dial connects inside the lab: only its hosts can be reached. Addresses must
// be literal, because names are for the machine's resolver, not the lab's.
func (l *Lab) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := literal(address); err != nil {
		return nil, err
	}
	var conn net.Conn
	err := inNetns(netnsPath(l.state.ID), func() (err error) {
		// Without fallback the socket is made on this very thread.
		d := net.Dialer{FallbackDelay: -1}
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens inside the lab, on the bridge's addresses or all of them.
func (l *Lab) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var ln net.Listener
	err := inNetns(netnsPath(l.state.ID), func() (err error) {
		ln, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		return err
	})
	return ln, err
}

func literal(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("dialling in the lab: %w", err)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return fmt.Errorf("cannot dial %q in the lab: no names are resolved there; give an IP address", address)
	}
	return nil
}
