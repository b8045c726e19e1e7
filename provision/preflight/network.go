package preflight

import (
	"fmt"
	"slices"
	"strings"

	"provision/provision/agent/api"
)

// firewall judges what filters packets on a new host. Whether what must get
// through does is tried host to host; forwarding is only seen here.
func (in Input) firewall(h Host) []Finding {
	if !h.New() {
		return nil
	}
	var list []Finding
	for _, chain := range h.Found.Firewall.Closed {
		if strings.HasSuffix(strings.ToLower(chain), "forward") && h.Joins() {
			list = append(list, Finding{Severity: Warning, Host: h.Name, Check: Firewall, What: fmt.Sprintf("its firewall forwards nothing that no rule accepts (%s)", chain),
				Why: "packets of pods are forwarded", Remedy: fmt.Sprintf("accept what comes from and goes to %s there", in.Inventory.Network.Pods)})
		}
	}
	for _, rule := range h.Found.Firewall.Drops {
		list = append(list, Finding{Severity: Warning, Host: h.Name, Check: Firewall, What: "its firewall drops packets to ports of the cluster: " + rule,
			Why: "other hosts must reach them", Remedy: "accept them from the cluster's hosts"})
	}
	if active := h.Found.Firewall.Active; len(active) > 0 {
		list = append(list, Finding{Severity: Warning, Host: h.Name, Check: Firewall, What: strings.Join(active, " and ") + " manages its firewall",
			Why: "it drops what it was not told to accept", Remedy: "allow " + portNames(h) + " from the cluster's hosts, and forwarding for pods; or turn it off"})
	}
	return list
}

func portNames(h Host) string {
	var names []string
	for _, p := range h.Ports {
		if p.From != nil {
			names = append(names, name(p))
		}
	}
	return strings.Join(names, ", ")
}

// trouble groups failed links that have one cause.
type trouble struct {
	host  string // the one to blame
	away  bool   // it does not reach others; else others do not reach it
	port  portOf
	code  string
	other []string
	// passed is the least of what got through.
	passed, size int
}

// network judges what was tried host to host.
func (in Input) network() []Finding {
	hosts := map[string]Host{}
	for _, h := range in.Hosts {
		hosts[h.Name] = h
	}
	var list []Finding
	for _, t := range in.troubles(hosts) {
		list = append(list, in.unreached(t, hosts[t.host]))
	}
	return list
}

// share counts how many of some links failed.
type share struct{ failed, all int }

func (s share) more(o share) bool { return s.failed*max(o.all, 1) > o.failed*max(s.all, 1) }

// troubles finds, for each failed link, the end that is more likely to be the
// cause: a new host rather than one that works already, or the one of whose
// links to or from that port more failed.
func (in Input) troubles(hosts map[string]Host) []*trouble {
	into, out := map[string]share{}, map[string]share{}
	count := func(m map[string]share, key string, failed bool) {
		s := m[key]
		s.all++
		if failed {
			s.failed++
		}
		m[key] = s
	}
	for _, l := range in.Links {
		count(into, l.To+" "+name(l.Port), l.Failure != nil)
		count(out, l.From+" "+name(l.Port), l.Failure != nil)
	}
	found := map[string]*trouble{}
	for _, l := range in.Links {
		if l.Failure == nil {
			continue
		}
		away := out[l.From+" "+name(l.Port)].more(into[l.To+" "+name(l.Port)])
		if a, b := hosts[l.From].New(), hosts[l.To].New(); a != b {
			away = a
		}
		t := &trouble{host: l.To, away: away, port: l.Port, code: l.Failure.Code, passed: l.Failure.Passed, size: l.Size}
		other := l.From
		if away {
			t.host, other = l.From, l.To
		}
		key := fmt.Sprint(t.host, t.away, name(t.port), t.code)
		if have := found[key]; have != nil {
			t, have.passed = have, min(have.passed, t.passed)
		} else {
			found[key] = t
		}
		t.other = append(t.other, other)
	}
	list := make([]*trouble, 0, len(found))
	for _, key := range keysOf(found) {
		list = append(list, found[key])
	}
	return list
}

func (in Input) unreached(t *trouble, h Host) Finding {
	f := Finding{Severity: Error, Host: t.host, Check: Reach}
	direction := fmt.Sprintf("%s cannot reach its port %s", some(t.other), name(t.port))
	if t.away {
		direction = fmt.Sprintf("it cannot reach port %s of %s", name(t.port), some(t.other))
	}
	f.Why = t.port.Unit + " is reached there"
	filter := "open the port in the firewalls of both hosts, and between them"
	if h.Found != nil && len(h.Found.Firewall.Closed)+len(h.Found.Firewall.Drops) > 0 && !t.away {
		filter = "open the port in its firewall: " + strings.Join(slices.Concat(h.Found.Firewall.Drops, h.Found.Firewall.Closed), "; ")
	}
	switch t.code {
	case api.ReachTooLarge:
		f.Check = MTU
		headers := 28
		if h.Address.Is6() {
			headers = 48
		}
		f.What = fmt.Sprintf("packets of %d bytes do not get through to it from %s, at most %d do", t.size+headers, some(t.other), t.passed+headers)
		if t.away {
			f.What = fmt.Sprintf("its packets of %d bytes do not get through to %s, at most %d do", t.size+headers, some(t.other), t.passed+headers)
		}
		f.Why = "large packets of pods vanish, small ones do not: connections hang"
		f.Remedy = fmt.Sprintf("raise the MTU on the way, or set mtu = %d in the network's plugin block", t.passed+headers)
	case api.ReachRefused:
		f.What, f.Remedy = direction+": the connection is refused", filter+"; a rule rejects it"
	case api.ReachNoRoute:
		f.What, f.Remedy = direction+": there is no way", "check addresses, gateways and cables: ip route get ADDRESS"
	case api.ReachUntested:
		f.Severity = Warning
		f.What, f.Why, f.Remedy = direction+": not tested: time ran out", "", "fix the other findings and run this again"
	case api.ReachOther:
		f.What, f.Remedy = direction+": something else answers there", "look for a proxy or a translation of addresses between the hosts"
	default:
		f.What, f.Remedy = direction+": no answer", filter
	}
	if !h.New() && f.Severity == Error && t.port.UDP {
		f.Severity = Warning
	}
	return f
}
