package measure

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Network is how an agent listens and connects when it checks the network
// between hosts. Datagrams that Dial's connections send are never fragmented.
type Network interface {
	Listen(address netip.AddrPort) (net.Listener, error)
	ListenPacket(address netip.AddrPort) (net.PacketConn, error)
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// KernelNetwork is the real one.
type KernelNetwork struct{}

func (KernelNetwork) Listen(address netip.AddrPort) (net.Listener, error) {
	return net.ListenTCP("tcp", net.TCPAddrFromAddrPort(address))
}

func (KernelNetwork) ListenPacket(address netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(address))
}

func (KernelNetwork) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	if strings.HasPrefix(network, "udp") {
		dialer.Control = whole
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		_ = tcp.SetLinger(0) // nothing stays behind in TIME_WAIT, on either side
	}
	return conn, err
}

// whole sets "do not fragment", also where a smaller path MTU was seen before.
func whole(network, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		if strings.HasSuffix(network, "6") {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
			return
		}
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	})
	if err == nil {
		err = failed
	}
	return err
}
