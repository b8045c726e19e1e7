package inventory

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"provision/provision/diag"
)

// check compares parts of the inventory with each other.
func (l *loader) check(root *node, inv *Inventory, hosts []placed) {
	l.checkDuplicates(hosts)
	l.checkRoles(root, hosts)
	l.checkNetworks(root.only("network"), inv, hosts)
	l.checkSettings(root, inv)
	l.checkRegistryAuth(root, inv)
	for _, h := range hosts {
		l.checkHost(h)
	}
}

func (l *loader) checkDuplicates(hosts []placed) {
	names, addresses := map[string]placed{}, map[netip.Addr]placed{}
	for _, h := range hosts {
		if before, ok := names[h.Name]; ok {
			l.report(diag.Errorf(h.Range, "Two hosts of one name", "%s is named twice.", quote(h.Name)).And("the first is", before.Range))
		} else {
			names[h.Name] = h
		}
		if before, ok := addresses[h.Address]; ok {
			l.report(diag.Errorf(h.addressAt, "Two hosts with one address", "%s and %s both have %s.", quote(before.Name), quote(h.Name), h.Address).And("the first is", before.addressAt))
		} else {
			addresses[h.Address] = h
		}
	}
}

func (l *loader) checkRoles(root *node, hosts []placed) {
	count := map[Role]int{}
	for _, h := range hosts {
		for _, r := range h.Roles {
			count[r]++
		}
	}
	at := root.only("cluster").at
	if l.partial {
		return // what seems to be missing may stand in the block that is wrong
	}
	if len(root.blocks["host"]) == 0 {
		l.report(diag.Errorf(at, "No hosts", "An inventory needs hosts: host \"NAME\" { address = …  roles = [\"etcd\", \"master\", \"node\"] }."))
		return
	}
	for _, need := range []struct {
		role Role
		why  string
	}{
		{RoleEtcd, "there is nothing to keep the cluster's state"},
		{RoleMaster, "there is no control plane"},
		{RoleNode, "no pod can run"},
	} {
		if count[need.role] == 0 {
			l.report(diag.Errorf(at, fmt.Sprintf("Nobody has the role %s", need.role), "Without it %s; add %q to the roles of a host.", need.why, need.role))
		}
	}
	if n := count[RoleEtcd]; n > 0 && n%2 == 0 {
		l.report(diag.Warningf(firstWith(hosts, RoleEtcd).rolesAt, "An even number of etcd members",
			"A majority of %d is %d, so they survive the loss of %d, no more than %d would, and there is one more to fail. Use %d or %d.",
			n, n/2+1, (n-1)/2, n-1, n-1, n+1))
	}
	if n := count[RoleEtcd]; n > 9 {
		l.report(diag.Warningf(firstWith(hosts, RoleEtcd).rolesAt, "Many etcd members", "%d members make every write slower; 3 or 5 are usual, 7 the most that etcd's authors advise.", n))
	}
}

func firstWith(hosts []placed, r Role) placed {
	for _, h := range hosts {
		if h.Has(r) {
			return h
		}
	}
	return placed{}
}

func (l *loader) checkHost(h placed) {
	if !h.node.has("roles") {
		return // told
	}
	if len(h.Roles) == 0 {
		l.report(diag.Errorf(h.rolesAt, "A host without roles", "%s has no role; give it one of %s.", quote(h.Name), strings.Join(words(rolesOf(l.opts.Parts)), ", ")))
	}
	if h.Has(RoleOutside) && len(h.Roles) > 1 {
		l.report(diag.Errorf(h.rolesAt, "Outside and inside at once", "%s is outside of the cluster and has other roles; \"outside\" stands alone.", quote(h.Name)))
	}
	a := h.Address
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		l.report(diag.Errorf(h.addressAt, "Address of no host", "%s cannot be reached by other hosts, so %s cannot have it.", a, quote(h.Name)))
	}
	if !h.Joins() && (len(h.Labels) > 0 || len(h.Taints) > 0) {
		l.report(diag.Warningf(h.rolesAt, "Labels or taints on what is no Node", "%s is neither master nor node, so its labels and taints have no effect.", quote(h.Name)))
	}
}

func (l *loader) checkSettings(root *node, inv *Inventory) {
	e := root.only("etcd")
	if inv.Etcd.ElectionTimeout < 5*inv.Etcd.HeartbeatInterval {
		l.report(diag.Errorf(e.where("election_timeout"), "Election timeout too short",
			"The election timeout %s must be at least five heartbeats of %s, or members are elected out of office for a slow packet.",
			inv.Etcd.ElectionTimeout, inv.Etcd.HeartbeatInterval).And("the heartbeat is", e.where("heartbeat_interval")))
	}
	if e.has("heartbeat_interval") && inv.Etcd.HeartbeatInterval < 10*time.Millisecond {
		l.report(diag.Errorf(e.where("heartbeat_interval"), "Heartbeat too short", "The heartbeat must be 10ms at least."))
	}
	p := root.only("pki")
	if inv.PKI.LeafLife > inv.PKI.CALife {
		l.report(diag.Errorf(p.where("leaf_life"), "A leaf outlives its CA", "leaf_life %s is longer than ca_life %s.", inv.PKI.LeafLife, inv.PKI.CALife).And("the CA's life is", p.where("ca_life")))
	}
	s := root.only("ssh")
	if s.has("connect_timeout") && inv.SSH.ConnectTimeout < time.Second {
		l.report(diag.Errorf(s.where("connect_timeout"), "Timeout too short", "connect_timeout must be 1s at least."))
	}
}
