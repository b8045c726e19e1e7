package routes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Table is the kernel's main routing table.
type Table interface {
	// List returns its routes but for the default one.
	List() ([]Entry, error)
	Add(Route) error // fails where there is one of the same range and metric
	Replace(Route) error
	Remove(Entry) error
	// Watch sends a word, and at most one ahead, when something happened that may
	// concern routes within a range. The channel is closed when it cannot tell any
	// more.
	Watch(ctx context.Context, within netip.Prefix) (<-chan struct{}, error)
}

// Kernel is the real one, of the address family that a range has.
func Kernel(within netip.Prefix) Table {
	if within.Addr().Is4() {
		return kernel{netlink.FAMILY_V4}
	}
	return kernel{netlink.FAMILY_V6}
}

type kernel struct{ family int }

func (k kernel) List() ([]Entry, error) {
	found, err := netlink.RouteListFiltered(k.family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("cannot list the host's routes: %w", err)
	}
	links := map[int]string{}
	var list []Entry
	for i := range found {
		if e, ok := entryOf(&found[i]); ok {
			e.Link = linkName(links, found[i].LinkIndex)
			list = append(list, e)
		}
	}
	return list, nil
}

func linkName(known map[int]string, index int) string {
	name, ok := known[index]
	if !ok && index > 0 {
		if link, err := net.InterfaceByIndex(index); err == nil {
			name = link.Name
		}
		known[index] = name
	}
	return name
}

// entryOf reports false for the default route.
func entryOf(r *netlink.Route) (Entry, bool) {
	if r.Dst == nil {
		return Entry{}, false
	}
	address, ok := netip.AddrFromSlice(r.Dst.IP)
	bits, _ := r.Dst.Mask.Size()
	if !ok || bits == 0 {
		return Entry{}, false
	}
	e := Entry{Protocol: int(r.Protocol), Metric: r.Priority, Odd: r.Type != unix.RTN_UNICAST}
	e.To = netip.PrefixFrom(address.Unmap(), bits)
	gateways := []net.IP{r.Gw}
	for _, hop := range r.MultiPath {
		gateways = append(gateways, hop.Gw)
	}
	for _, gw := range gateways {
		if via, ok := netip.AddrFromSlice(gw); ok {
			e.Via = append(e.Via, via.Unmap())
		}
	}
	slices.SortFunc(e.Via, netip.Addr.Compare)
	return e, true
}

func (k kernel) Add(r Route) error { return explain(r, netlink.RouteAdd(k.route(r))) }

func (k kernel) Replace(r Route) error { return explain(r, netlink.RouteReplace(k.route(r))) }

func (k kernel) Remove(e Entry) error {
	r := k.route(e.Route)
	r.Priority = e.Metric
	if e.Odd {
		r.Type, r.Gw, r.MultiPath = 0, nil, nil
	}
	if err := netlink.RouteDel(r); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot remove the route to %s: %w", e.To, err)
	}
	return nil
}

func explain(r Route, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("cannot set the route to %s: %v is on no network of this host's links; set via to a router that is: %w", r.To, r.Via, err)
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("cannot set the route to %s: there is one of somebody else with metric %d; give it another", r.To, Metric)
	}
	return fmt.Errorf("cannot set the route to %s: %w", r.To, err)
}

func (k kernel) route(r Route) *netlink.Route {
	out := &netlink.Route{
		Dst:      &net.IPNet{IP: r.To.Addr().AsSlice(), Mask: net.CIDRMask(r.To.Bits(), r.To.Addr().BitLen())},
		Protocol: Protocol, Priority: Metric, Family: k.family, Table: unix.RT_TABLE_MAIN,
	}
	if len(r.Via) == 1 {
		out.Gw = r.Via[0].AsSlice()
		return out
	}
	for _, via := range r.Via {
		out.MultiPath = append(out.MultiPath, &netlink.NexthopInfo{Gw: via.AsSlice()})
	}
	return out
}

// receiveBuffer holds what happens while a host with a full table of the Internet
// loads it anew.
const receiveBuffer = 4 << 20

func (k kernel) Watch(ctx context.Context, within netip.Prefix) (<-chan struct{}, error) {
	routes, links, addresses := make(chan netlink.RouteUpdate), make(chan netlink.LinkUpdate), make(chan netlink.AddrUpdate)
	err := netlink.RouteSubscribeWithOptions(routes, ctx.Done(), netlink.RouteSubscribeOptions{ReceiveBufferSize: receiveBuffer, ReceiveBufferForceSize: true})
	if err == nil {
		err = netlink.LinkSubscribeWithOptions(links, ctx.Done(), netlink.LinkSubscribeOptions{})
	}
	if err == nil {
		err = netlink.AddrSubscribeWithOptions(addresses, ctx.Done(), netlink.AddrSubscribeOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("cannot watch the host's routes: %w", err)
	}
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		for {
			concerns, open := true, true
			select {
			case update, ok := <-routes:
				concerns, open = concern(update, within), ok
			case _, open = <-links:
			case _, open = <-addresses:
			}
			if !open {
				return
			}
			if concerns {
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}
	}()
	return changed, nil
}

// concern says whether an update may call for something: all but our own.
func concern(update netlink.RouteUpdate, within netip.Prefix) bool {
	e, ok := entryOf(&update.Route)
	return ok && e.To.Overlaps(within) && (update.Type == unix.RTM_DELROUTE || !e.Ours())
}
