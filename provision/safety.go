package provision

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/facts"
	"provision/provision/identity"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// safe refuses inventories that would break a running cluster in a way that no
// later apply mends. Everything is reported at once.
func (o *Operator) safe() error {
	known, services := o.lastRoster()
	var bad []error
	bad = append(bad, o.unconfirmed()...)
	bad = append(bad, identity.Unlike(o.Inventory, o.owned())...)
	bad = append(bad, o.movedHosts(known)...)
	bad = append(bad, o.shrinks(known)...)
	bad = append(bad, o.strayData()...)
	bad = append(bad, o.movedData()...)
	if err := o.ended(""); err != nil && o.resetting == nil {
		bad = append(bad, err)
	}
	if now := o.Inventory.Network.Services.String(); services != "" && services != now {
		bad = append(bad, fmt.Errorf("the service range cannot change from %s to %s: addresses that services have stay as they are; put services = %q back", services, now, services))
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("cannot go on, nothing was changed:\n%w", errors.Join(bad...))
}

// lastRoster is the newest roster that a host has, by name, and its service range.
func (o *Operator) lastRoster() (map[string]facts.RosterHost, string) {
	var newest *facts.Roster
	for _, name := range o.fleet.names() {
		m := o.fleet.members[name]
		if roster := m.facts.Owned.Roster; roster != nil && keeper(m.host) && (newest == nil || roster.Written.After(newest.Written)) {
			newest = roster
		}
	}
	hosts := map[string]facts.RosterHost{}
	if newest == nil {
		return hosts, ""
	}
	for _, h := range newest.Hosts {
		hosts[h.Name] = h
	}
	return hosts, newest.Services
}

// movedHosts are hosts whose address is not theirs, or was another host's.
func (o *Operator) movedHosts(known map[string]facts.RosterHost) []error {
	owner := map[string]string{}
	for name, h := range known {
		owner[h.Address] = name
	}
	var bad []error
	for _, h := range o.Inventory.Hosts {
		address := h.Address.String()
		if before, taken := owner[address]; taken && before != h.Name {
			if _, stays := o.Inventory.Host(before); stays {
				bad = append(bad, fmt.Errorf("host %s has address %s, which belongs to %s: addresses of hosts cannot be exchanged (%s)", h.Name, address, before, h.Range))
			}
		}
		if was, ok := known[h.Name]; ok && was.Address != address && h.Has(inventory.RoleEtcd) {
			bad = append(bad, fmt.Errorf("etcd host %s cannot change its address from %s to %s: add a host with the new address under another name (%s)", h.Name, was.Address, address, h.Range))
		}
		if was, ok := known[h.Name]; ok && was.Address != address && keeper(h) && !h.Has(inventory.RoleEtcd) && o.fleet.members[h.Name] == nil {
			bad = append(bad, fmt.Errorf("host %s does not answer at %s, and was at %s before: every host would be told an address that may be wrong; correct it, or bring the host up (%s)", h.Name, address, was.Address, h.Range))
		}
		if m := o.fleet.members[h.Name]; m != nil && len(m.facts.Addresses) > 0 && !hasAddress(m.facts.Addresses, h.Address) {
			bad = append(bad, fmt.Errorf("host %s does not have address %s (%s); it has %s", h.Name, address, h.Range, listAddresses(m.facts.Addresses)))
		}
	}
	return bad
}

func hasAddress(list []facts.Address, wanted netip.Addr) bool {
	return slices.ContainsFunc(list, func(a facts.Address) bool {
		prefix, err := netip.ParsePrefix(a.CIDR)
		return err == nil && prefix.Addr().Unmap() == wanted.Unmap()
	})
}

func listAddresses(list []facts.Address) string {
	texts := make([]string, 0, len(list))
	for _, a := range list {
		texts = append(texts, a.CIDR+" on "+a.Interface)
	}
	return strings.Join(texts, ", ")
}

// movedData are etcd hosts whose member has its data elsewhere than the
// inventory says by now. They would look lost, and nothing moves them.
func (o *Operator) movedData() []error {
	var bad []error
	wanted := path.Dir(etcdcomponent.MemberDir(o.Inventory))
	for _, h := range o.Inventory.With(inventory.RoleEtcd) {
		m := o.fleet.members[h.Name]
		if m == nil {
			continue
		}
		if was := etcdcomponent.Data(m.facts.Owned); was != "" && was != wanted {
			bad = append(bad, fmt.Errorf("etcd's data_dir cannot change from %s to %s: the data of the member on host %s are in %s; put data_dir = %q back", was, wanted, h.Name, was, was))
		}
	}
	return bad
}

// strayData are hosts with etcd data in a cluster that is about to be made: the
// data are of a cluster whose ledger is lost, or of somebody else.
func (o *Operator) strayData() []error {
	if o.decision.Identity != nil {
		return nil
	}
	var bad []error
	for _, h := range o.Inventory.With(inventory.RoleEtcd) {
		if m := o.fleet.members[h.Name]; m != nil && len(m.facts.Present) > 0 {
			bad = append(bad, fmt.Errorf("host %s has etcd data in %s, but no ledger knows of a cluster: put back its %s from a backup, or move the data away if they are not needed",
				h.Name, etcdcomponent.MemberDir(o.Inventory), system.LedgerDir))
		}
	}
	return bad
}
