package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// port runs f with the host's port on the lab's bridge.
func (l *Lab) port(h hostState, f func(netlink.Link) error) error {
	return inNetns(l.Netns(), func() error {
		link, err := netlink.LinkByName(linkName(h.Machine))
		if err != nil {
			return fmt.Errorf("finding the port of host %s: %w", h.Name, err)
		}
		return f(link)
	})
}

// dropPort takes the host's port off the bridge. A killed host's would stay until
// the kernel has cleaned its network namespace up, which may be long after, and
// would be in the way of the next boot.
func (l *Lab) dropPort(h hostState) error {
	err := l.port(h, netlink.LinkDel)
	if notThere := (netlink.LinkNotFoundError{}); errors.As(err, &notThere) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing the port %s: %w", linkName(h.Machine), err)
	}
	return nil
}

func (l *Lab) unplug(_ context.Context, h hostState, _ Fault) error {
	return l.port(h, netlink.LinkSetDown)
}
func (l *Lab) plug(_ context.Context, h hostState, _ Fault) error {
	return l.port(h, netlink.LinkSetUp)
}

// nftTable names the rules of a host: one table for each kind of fault, so that
// ending one is deleting its table.
func nftTable(kind FaultKind, h hostState) string { return string(kind) + "_" + h.Machine }

// nft runs a script of rules in the lab's network namespace.
func (l *Lab) nft(ctx context.Context, script string) error {
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.New("nft is missing on this machine; install the package nftables")
	}
	cmd := exec.CommandContext(ctx, "nsenter", "--net="+l.Netns(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("setting rules of the lab's bridge: %w: %s", err, tail(out.Bytes(), 3))
	}
	return nil
}

// dropTable deletes a table whether it is there or not.
func dropTable(kind FaultKind, h hostState) string {
	return fmt.Sprintf("table bridge %[1]s {}\ndelete table bridge %[1]s\n", nftTable(kind, h))
}

// blockRules is pure: what of the host's traffic the bridge drops. Rules on
// addresses of one family leave the other alone.
func blockRules(h hostState, family string, peers []string, ports []int) string {
	var to, from string // what leaves the bridge to the host, and what comes from it
	if len(peers) > 0 {
		set := "{ " + strings.Join(peers, ", ") + " }"
		to, from = family+" saddr "+set+" ", family+" daddr "+set+" "
	}
	if len(ports) > 0 {
		to += "tcp dport { " + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ports)), ", "), "[]") + " } "
	}
	link := linkName(h.Machine)
	script := dropTable(FaultBlock, h) + fmt.Sprintf("table bridge %s {\n chain to {\n  type filter hook postrouting priority 0\n  oifname %q %sdrop\n }\n",
		nftTable(FaultBlock, h), link, to)
	if len(ports) == 0 {
		script += fmt.Sprintf(" chain from {\n  type filter hook prerouting priority 0\n  iifname %q %sdrop\n }\n", link, from)
	}
	return script + "}\n"
}

func (l *Lab) checkBlock(_ hostState, f Fault) error {
	for _, from := range f.From {
		if _, err := l.host(from); err != nil && from != Operator {
			return err
		}
	}
	for _, p := range f.Ports {
		if p < 1 || p > 65535 {
			return fmt.Errorf("cannot block port %d: ports are 1 to 65535", p)
		}
	}
	return nil
}

func (l *Lab) block(ctx context.Context, h hostState, f Fault) error {
	family := "ip"
	if h.Address.Is6() {
		family = "ip6"
	}
	var peers []string
	for _, from := range f.From {
		if from == Operator {
			for _, s := range l.state.Subnets {
				if s.Gateway.Is6() == h.Address.Is6() {
					peers = append(peers, s.Gateway.String())
				}
			}
			continue
		}
		peer, err := l.host(from)
		if err != nil {
			return err
		}
		if peer.Address.Is6() != h.Address.Is6() {
			return fmt.Errorf("%s and %s have addresses of two families", h.Name, from)
		}
		peers = append(peers, peer.Address.String())
	}
	return l.nft(ctx, blockRules(h, family, peers, f.Ports))
}

func (l *Lab) unblock(ctx context.Context, h hostState, f Fault) error {
	if f.Kind == FaultBlock {
		return l.nft(ctx, dropTable(FaultBlock, h))
	}
	// After a power cut: all tables of the host, if there are any.
	faults, err := l.Faults()
	var errs []error
	for _, have := range faults {
		if have.Host == h.Name && (have.Kind == FaultBlock || have.Kind == FaultRate && h.Kind == VM) {
			errs = append(errs, l.nft(ctx, dropTable(have.Kind, h)))
		}
	}
	return errors.Join(append(errs, err)...)
}

// leastRate lets SSH's first messages through in seconds.
const leastRate = 8000

func (l *Lab) checkRate(_ hostState, f Fault) error {
	if f.Rate < leastRate {
		return fmt.Errorf("cannot limit a link to %d bits per second: %d is the least", f.Rate, leastRate)
	}
	return nil
}

// limit makes both ends of the host's link slow. The far end of a virtual
// machine's is in the machine: there the bridge drops what comes in excess,
// after a first second's worth that passes at once.
func (l *Lab) limit(ctx context.Context, h hostState, f Fault) error {
	rate := uint64(f.Rate / 8)
	if err := l.port(h, func(link netlink.Link) error { return netlink.QdiscReplace(bucket(link, rate)) }); err != nil {
		return fmt.Errorf("limiting what the host receives: %w", err)
	}
	var err error
	if h.Kind == VM {
		err = l.nft(ctx, dropTable(FaultRate, h)+fmt.Sprintf(
			"table bridge %s {\n chain from {\n  type filter hook prerouting priority 0\n  iifname %q limit rate over %d bytes/second drop\n }\n}\n",
			nftTable(FaultRate, h), linkName(h.Machine), rate))
	} else {
		err = farEnd(h, func(link netlink.Link) error { return netlink.QdiscReplace(bucket(link, rate)) })
	}
	if err != nil {
		return fmt.Errorf("limiting what the host sends: %w", err)
	}
	return nil
}

// bucket is a queue that lets so many bytes a second pass. It must hold the
// largest packet, which is 64 KiB before the card cuts it.
func bucket(link netlink.Link, rate uint64) *netlink.Tbf {
	size := uint32(max(rate/20, 64<<10))
	return &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       rate, Buffer: netlink.Xmittime(rate, size), Limit: size + uint32(max(rate/4, 64<<10)),
	}
}

func (l *Lab) unlimit(ctx context.Context, h hostState, _ Fault) error {
	free := func(link netlink.Link) error {
		err := netlink.QdiscDel(bucket(link, leastRate))
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) { // it has rebooted since
			return nil
		}
		return err
	}
	err := l.port(h, free)
	if h.Kind == VM {
		return errors.Join(err, l.nft(ctx, dropTable(FaultRate, h)))
	}
	return errors.Join(err, farEnd(h, free))
}

// farEnd runs f with the container's own interface.
func farEnd(h hostState, f func(netlink.Link) error) error {
	pid, err := initOf(h.Process)
	if err != nil {
		return err
	}
	return inNetns(fmt.Sprintf("/proc/%d/ns/net", pid), func() error {
		link, err := netlink.LinkByName("host0")
		if err != nil {
			return fmt.Errorf("finding the interface of host %s: %w", h.Name, err)
		}
		return f(link)
	})
}
