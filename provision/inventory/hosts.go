package inventory

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/diag"
)

// placed is a host with the places of what is checked against other hosts.
type placed struct {
	Host
	addressAt hcl.Range
	rolesAt   hcl.Range
	node      *node // its block
}

func compareHosts(a, b Host) int { return cmp.Compare(a.Name, b.Name) }

func (l *loader) bindHosts(root *node) []placed {
	var out []placed
	for _, n := range root.blocks["host"] {
		hosts := l.bindHost(n, maxHosts-len(out))
		if len(hosts) == 0 || !n.has("roles") {
			l.partial = true
		}
		out = append(out, hosts...)
	}
	return out
}

// bindHost expands one block.
func (l *loader) bindHost(n *node, room int) []placed {
	names, err := expand(n.label, room)
	if err != nil {
		l.report(diag.Errorf(n.at, "Invalid range", "%s.", sentence(err)))
		return nil
	}
	if len(names) > room {
		l.report(diag.Errorf(n.at, "Too many hosts", "An inventory has at most %d hosts.", maxHosts))
		return nil
	}
	if !n.has("address") {
		return nil // reported
	}
	addresses, err := expand(n.str("address"), maxHosts)
	if err != nil {
		l.report(diag.Errorf(n.where("address"), "Invalid range", "%s.", sentence(err)))
		return nil
	}
	if len(names) != len(addresses) {
		l.report(diag.Errorf(n.where("address"), "Ranges of unequal length",
			"%s makes %d name(s), %s makes %d address(es); they are paired one by one, so the numbers must be equal.",
			quote(n.label), len(names), quote(n.str("address")), len(addresses)).And("the names are", n.at))
		return nil
	}
	if n.has("host_key") && len(names) > 1 {
		l.report(diag.Errorf(n.where("host_key"), "One host key for many hosts", "%s is %d hosts, and each has a key of its own; give them blocks of their own, or use known_hosts.", quote(n.label), len(names)))
	}
	like := l.hostLike(n)
	out := make([]placed, 0, len(names))
	for i, name := range names {
		if !isDomain(name) || len(name) > 63 {
			l.report(diag.Errorf(n.at, "Invalid host name", "%s is not a host name (RFC 1123): small letters, digits and '-', parts joined by dots, at most 63 long.", quote(name)))
			return out
		}
		address, err := parseAddress(addresses[i])
		if err != nil {
			l.report(diag.Errorf(n.where("address"), "Invalid address", "%s.", sentence(err)))
			return out
		}
		h := placed{Host: like, addressAt: n.where("address"), rolesAt: n.where("roles"), node: n}
		h.Name, h.Address = name, address
		h.Labels, h.Taints, h.Roles = cloneMap(like.Labels), slices.Clone(like.Taints), slices.Clone(like.Roles)
		out = append(out, h)
	}
	return out
}

// hostLike returns what all hosts of a block have in common.
func (l *loader) hostLike(n *node) Host {
	h := Host{
		Rack: n.str("rack"), Zone: n.str("zone"), Labels: n.dict("labels"), User: n.str("user"), Port: int(n.num("port")),
		IdentityFiles: n.list("identity_files"), HostKey: n.str("host_key"), Range: n.at,
	}
	for _, r := range n.list("roles") {
		if slices.Contains(h.Roles, Role(r)) {
			l.report(diag.Errorf(n.where("roles"), "A role given twice", "%s has the role %q twice.", quote(n.label), r))
			continue
		}
		h.Roles = append(h.Roles, Role(r))
	}
	slices.Sort(h.Roles)
	for _, t := range n.list("taints") {
		if taint, err := parseTaint(t); err == nil {
			h.Taints = append(h.Taints, taint)
		}
	}
	return h
}

func cloneMap(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
