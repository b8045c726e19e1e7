package inventory

import (
	"net/netip"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/diag"
)

// checkNetworks compares CIDRs with each other, with the hosts, and with how
// many hosts there are.
func (l *loader) checkNetworks(n *node, inv *Inventory, hosts []placed) {
	pods, services := inv.Network.Pods, inv.Network.Services
	if !pods.IsValid() || !services.IsValid() {
		return
	}
	if pods.Overlaps(services) {
		l.report(diag.Errorf(n.where("pods"), "Pods and services overlap", "pods %s and services %s share addresses; choose networks apart.", pods, services).And("services are", n.where("services")))
	}
	if pods.Addr().Is4() != services.Addr().Is4() {
		l.report(diag.Errorf(n.where("services"), "Pods and services of two families", "pods %s and services %s must both be IPv4 or both IPv6.", pods, services).And("pods are", n.where("pods")))
	}
	for _, kept := range inv.Network.KeepSource {
		if kept.Addr().Is4() != pods.Addr().Is4() {
			l.report(diag.Errorf(n.where("keep_source"), "A network of another family", "Pods %s have no address that %s could keep; name networks of the same family.", pods, kept).And("pods are", n.where("pods")))
		}
	}
	l.overlap(n, "pods", pods, hosts)
	l.overlap(n, "services", services, hosts)
	l.checkNodePrefix(n, inv, hosts)
	bits := services.Addr().BitLen() - services.Bits()
	if bits < 5 {
		l.report(diag.Errorf(n.where("services"), "Services too small", "%s has room for %d addresses; take /%d or shorter.", services, 1<<bits, services.Addr().BitLen()-5))
	} else if bits > 20 {
		l.report(diag.Errorf(n.where("services"), "Services too large", "kube-apiserver takes at most 20 bits for services, so /%d or longer; %s has %d.", services.Addr().BitLen()-20, services, bits))
	}
	if dns := inv.Network.DNSAddress; dns.IsValid() && n.has("dns_address") {
		first := services.Addr().Next()
		if !services.Contains(dns) || dns == services.Addr() || dns == first {
			l.report(diag.Errorf(n.where("dns_address"), "DNS address outside services", "%s must be in services %s, and not %s, which is the API's.", dns, services, first).And("services are", n.where("services")))
		}
	}
}

func (l *loader) overlap(n *node, what string, p netip.Prefix, hosts []placed) {
	seen := map[hcl.Range]bool{}
	for _, h := range hosts {
		if p.Contains(h.Address) && !seen[h.addressAt] {
			seen[h.addressAt] = true
			l.report(diag.Errorf(h.addressAt, "Host inside "+what, "The address %s of %s lies in %s %s; hosts, pods and services need networks apart.", h.Address, quote(h.Name), what, p).And(what+" are", n.where(what)))
		}
	}
}

func (l *loader) checkNodePrefix(n *node, inv *Inventory, hosts []placed) {
	pods, prefix := inv.Network.Pods, inv.Network.NodePrefix
	total := pods.Addr().BitLen()
	if prefix > total-2 || prefix < pods.Bits() {
		l.report(diag.Errorf(n.where("node_prefix"), "Node prefix does not fit", "node_prefix must be from %d (the length of pods %s) to %d, not %d.", pods.Bits(), pods, total-2, prefix).And("pods are", n.where("pods")))
		return
	}
	joining := 0
	for _, h := range hosts {
		if h.Joins() {
			joining++
		}
	}
	if spare := prefix - pods.Bits(); spare < 20 && joining > 1<<spare {
		l.report(diag.Errorf(n.where("pods"), "Too few pod networks", "pods %s holds %d networks of length /%d, and %d hosts need one each; take a shorter pods prefix or a longer node_prefix.", pods, 1<<spare, prefix, joining).
			And("node_prefix is", n.where("node_prefix")))
	}
	if room := total - prefix; room < 7 {
		l.report(diag.Warningf(n.where("node_prefix"), "Few pods per host", "A /%d has %d addresses, and kubelet's own limit is 110 pods.", prefix, 1<<room))
	}
}
