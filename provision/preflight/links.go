package preflight

import (
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/inventory"
)

// peersPerHost is how many other hosts each one tries, besides masters and
// etcd hosts.
const peersPerHost = 3

// Link is a port of one host that another must reach.
type Link struct {
	From, To string
	Port     component.Port
	Size     int  // payload of the largest datagram that must get through
	Live     bool // the service itself answers, not a listener of ours
	Failure  *api.ReachFailure
}

// Reached takes what became of the link. A service that does not run, on a host
// that was not looked into, refuses connections: the way there is free.
func (l *Link) Reached(to Host, failure *api.ReachFailure) {
	if failure != nil && l.Live && to.Found == nil && failure.Code == api.ReachRefused {
		failure = nil
	}
	l.Failure = failure
}

// pair is two hosts, by index, the first reaches the second.
type pair struct{ from, to int }

// Links are what is tried: masters and etcd hosts with all, each host with
// three others, and one pair for each two subnets; all with all when full. The
// choice depends on the cluster's name and the hosts only. Links between two
// hosts that concerned says no to are left out.
func Links(inv *inventory.Inventory, hosts []Host, full bool, concerned func(h Host) bool) []Link {
	var list []Link
	for _, p := range pairs(inv.Cluster.Name, hosts, full) {
		from, to := hosts[p.from], hosts[p.to]
		if !concerned(from) && !concerned(to) {
			continue
		}
		for _, port := range to.Ports {
			if port.Loopback || port.From == nil || !port.From(from.Host) {
				continue
			}
			link := Link{From: from.Name, To: to.Name, Port: port, Live: to.Owns(port.Unit)}
			if link.Live && (port.UDP || to.Found != nil && !listens(to, port)) {
				continue // only the program could answer, or it does not run
			}
			if port.Packets {
				link.Size = payload(from, port)
			}
			list = append(list, link)
		}
	}
	return list
}

// payload is what fits into one packet of the sender's network.
func payload(from Host, port component.Port) int {
	mtu := port.MTU
	if mtu == 0 {
		mtu = mtuOf(from)
	}
	headers := 28 // IPv4 and UDP
	if from.Address.Is6() && !from.Address.Is4In6() {
		headers = 48
	}
	return min(max(0, mtu-headers), 65000)
}

// mtuOf is that of the interface with the host's address; 0 when unknown.
func mtuOf(h Host) int {
	for _, a := range h.Facts.Addresses {
		if prefix, err := netip.ParsePrefix(a.CIDR); err == nil && prefix.Addr().Unmap() == h.Address.Unmap() {
			return a.MTU
		}
	}
	return 0
}

func pairs(seed string, hosts []Host, full bool) []pair {
	var list []pair
	seen := map[pair]bool{}
	add := func(a, b int) {
		for _, p := range []pair{{a, b}, {b, a}} {
			if a != b && !seen[p] {
				seen[p] = true
				list = append(list, p)
			}
		}
	}
	for i, h := range hosts {
		if full || h.Has(inventory.RoleMaster) || h.Has(inventory.RoleEtcd) {
			for j := range hosts {
				add(i, j)
			}
		}
	}
	if full || len(hosts) < 2 {
		return list
	}
	for i, h := range hosts {
		random := source(seed, h.Name)
		for chosen := map[int]bool{i: true}; len(chosen) <= min(peersPerHost, len(hosts)-1); {
			peer := random.IntN(len(hosts))
			chosen[peer] = true
			add(i, peer)
		}
	}
	subnets := map[string][]int{}
	for i, h := range hosts {
		subnets[subnetOf(h)] = append(subnets[subnetOf(h)], i)
	}
	names := keysOf(subnets)
	for i, a := range names {
		for _, b := range names[i+1:] {
			random := source(seed, a+" "+b)
			add(subnets[a][random.IntN(len(subnets[a]))], subnets[b][random.IntN(len(subnets[b]))])
		}
	}
	return list
}

func source(seed, name string) *rand.Rand {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(seed + "\x00" + name))
	return rand.New(rand.NewPCG(sum.Sum64(), 0))
}

// subnetOf is the network of the host's address; a guess when the host does
// not tell.
func subnetOf(h Host) string {
	for _, a := range h.Facts.Addresses {
		if prefix, err := netip.ParsePrefix(a.CIDR); err == nil && prefix.Addr().Unmap() == h.Address.Unmap() {
			return prefix.Masked().String()
		}
	}
	bits := 24
	if h.Address.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(h.Address, bits).Masked().String()
}

// Pairs counts the host-to-host pairs of links, each direction once.
func Pairs(links []Link) int {
	seen := map[[2]string]bool{}
	for _, l := range links {
		seen[[2]string{l.From, l.To}] = true
	}
	return len(seen)
}

// Listening are the ports that the host must listen on for the links to it.
func Listening(host string, links []Link) []api.Port {
	var ports []api.Port
	for _, l := range links {
		p := api.Port{Number: l.Port.Number, UDP: l.Port.UDP}
		if l.To == host && !l.Live && !slices.Contains(ports, p) {
			ports = append(ports, p)
		}
	}
	return ports
}
