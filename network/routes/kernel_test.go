package routes

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// alone gives the test a network of its own, with one link. Its thread ends with
// it.
func alone(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("cannot make a network namespace: ", err)
	}
	link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "test0"}}
	require.NoError(t, netlink.LinkAdd(link))
	require.NoError(t, netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1).To4(), Mask: net.CIDRMask(24, 32)}}))
	require.NoError(t, netlink.LinkSetUp(link))
}

func TestTheKernelsTable(t *testing.T) {
	alone(t)
	table := Kernel(netip.MustParsePrefix("10.32.0.0/12"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	changed, err := table.Watch(ctx, netip.MustParsePrefix("10.32.0.0/12"))
	require.NoError(t, err)
	one, two := to("10.32.1.0/24", "192.0.2.11"), to("10.32.2.0/24", "192.0.2.11", "192.0.2.12")
	require.NoError(t, table.Add(one))
	require.NoError(t, table.Add(two))
	theirs := &netlink.Route{Dst: &net.IPNet{IP: net.IPv4(10, 32, 1, 0).To4(), Mask: net.CIDRMask(24, 32)}, Gw: net.IPv4(192, 0, 2, 99).To4(), Protocol: 4}
	require.NoError(t, netlink.RouteAdd(theirs))
	<-changed

	list, err := table.List()
	require.NoError(t, err)
	change := Diff([]Route{one, two}, list)
	assert.True(t, change.Empty(), "%v", list)
	require.Len(t, change.Conflicts, 1)
	assert.Contains(t, change.Conflicts[0], "10.32.1.0/24 via 192.0.2.99 dev test0 proto static metric 0")

	require.NoError(t, table.Replace(to("10.32.1.0/24", "192.0.2.13", "192.0.2.14")))
	require.NoError(t, table.Remove(ours(two)))
	require.NoError(t, table.Remove(ours(two)), "gone already")
	<-changed
	assert.ErrorContains(t, table.Add(to("10.32.3.0/24", "203.0.113.1")), "on no network of this host's links")
	assert.ErrorContains(t, table.Add(one), "somebody else")
	list, err = table.List()
	require.NoError(t, err)
	var text []string
	for _, e := range list {
		text = append(text, e.String())
	}
	assert.ElementsMatch(t, []string{
		"10.32.1.0/24 via 192.0.2.99 dev test0 proto static metric 0",
		"10.32.1.0/24 via 192.0.2.13 via 192.0.2.14 proto 119 metric 20000",
		"192.0.2.0/24 dev test0 proto kernel metric 0",
	}, text)
	require.NoError(t, netlink.RouteDel(&netlink.Route{Dst: theirs.Dst, Protocol: Protocol, Priority: Metric}))
	<-changed
}
