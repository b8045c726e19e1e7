package preflight

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"provision/provision/facts"
)

const (
	// clockNear is where etcd begins to complain, clockFar where tokens and
	// certificates begin to fail.
	clockNear = time.Second
	clockFar  = 30 * time.Second
	// operatorFar is how far the operator's own clock may be off.
	operatorFar = 4 * time.Minute
)

// clocks compares each host's clock with the one in the middle.
func (in Input) clocks() []Finding {
	var all []time.Duration
	for _, h := range in.Hosts {
		if h.Clock != nil {
			all = append(all, h.Clock.By)
		}
	}
	if len(all) == 0 {
		return nil
	}
	middle := facts.Middle(all)
	remedy := "set it, and let a time service keep it (the inventory's time block does)"
	if in.Inventory.Time.Manage {
		remedy = "set it once, for example with date -s; apply then keeps it with chrony, if its servers can be reached"
	}
	var list []Finding
	for _, h := range in.Hosts {
		if h.Clock == nil {
			continue
		}
		by := h.Clock.By - middle
		sure := by.Abs() - h.Clock.Err
		if sure <= clockNear {
			continue
		}
		f := Finding{Severity: Warning, Host: h.Name, Check: Clock, What: fmt.Sprintf("its clock is %s %s of the other hosts'", by.Abs().Round(100*time.Millisecond), side(by)),
			Why: "etcd and logs need clocks within a second", Remedy: remedy}
		if sure > clockFar {
			f.Severity, f.Why = Error, "certificates and tokens are not yet, or no longer, valid there"
		}
		list = append(list, f)
	}
	if middle.Abs() > operatorFar {
		list = append(list, Finding{Severity: Warning, Check: Clock, What: fmt.Sprintf("the hosts' clocks are %s %s of this machine's", middle.Abs().Round(time.Second), side(middle)),
			Why: "certificates of the one may not be valid for the other", Remedy: "set this machine's clock, or the hosts'"})
	}
	return list
}

func side(by time.Duration) string {
	if by < 0 {
		return "behind those"
	}
	return "ahead"
}

// unique judges what no two hosts may share.
func (in Input) unique() []Finding {
	ids, boots, names := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for _, h := range in.Hosts {
		ids[h.Facts.MachineID] = append(ids[h.Facts.MachineID], h.Name)
		boots[h.Facts.BootID+" "+h.Facts.MachineID] = append(boots[h.Facts.BootID+" "+h.Facts.MachineID], h.Name)
		names[strings.ToLower(h.Facts.Hostname)] = append(names[strings.ToLower(h.Facts.Hostname)], h.Name)
	}
	var list []Finding
	for _, h := range in.Hosts {
		id, name := h.Facts.MachineID, strings.ToLower(h.Facts.Hostname)
		renew := "give it one of its own: rm /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup; reboot"
		switch same := others(ids[id], h.Name); {
		case id == "" || id == "uninitialized":
			list = append(list, Finding{Severity: Error, Host: h.Name, Check: MachineID, What: "it has no machine-id", Why: "journal and network names hang on it", Remedy: renew})
		case len(same) > 0 && h.Facts.Container == "" && h.Facts.BootID != "" && len(boots[h.Facts.BootID+" "+id]) > 1:
			list = append(list, Finding{Severity: Error, Host: h.Name, Check: MachineID, What: "it is the same machine as " + some(same),
				Why: "both addresses lead to it", Remedy: "correct the address of one of them in the inventory"})
		case len(same) > 0:
			list = append(list, Finding{Severity: Error, Host: h.Name, Check: MachineID, What: fmt.Sprintf("its machine-id %s is also that of %s", id, some(same)),
				Why: "addresses from DHCP and of VXLAN interfaces are derived from it; hosts that were cloned get the same ones", Remedy: renew})
		}
		if same := others(names[name], h.Name); len(same) > 0 && h.New() {
			list = append(list, Finding{Severity: Warning, Host: h.Name, Check: Hostname, What: fmt.Sprintf("it calls itself %q, as does %s", name, some(same)),
				Why: "logs cannot be told apart; Nodes are named after the inventory all the same", Remedy: "hostnamectl hostname " + h.Name})
		}
	}
	return append(list, in.addresses()...)
}

func others(names []string, self string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == self })
}

// addresses judges those that hosts have besides the inventory's.
func (in Input) addresses() []Finding {
	owner := map[netip.Addr]string{}
	for _, h := range in.Inventory.Hosts {
		owner[h.Address.Unmap()] = h.Name
	}
	var list []Finding
	for _, h := range in.Hosts {
		mine := len(h.Facts.Addresses) == 0
		for _, a := range h.Facts.Addresses {
			prefix, err := netip.ParsePrefix(a.CIDR)
			if err != nil {
				continue
			}
			address := prefix.Addr().Unmap()
			mine = mine || address == h.Address.Unmap()
			if other, taken := owner[address]; taken && other != h.Name {
				list = append(list, Finding{Severity: Error, Host: h.Name, Check: Address, What: fmt.Sprintf("it has address %s on %s, which is that of %s", address, a.Interface, other),
					Why: "packets for one of them reach the other", Remedy: fmt.Sprintf("take it away: ip address del %s dev %s, and from its configuration", a.CIDR, a.Interface)})
			}
			// A host that a run was killed on has the pod network's own addresses.
			if what := in.inside(address); what != "" && len(h.Facts.Owned.Resources) == 0 {
				list = append(list, Finding{Severity: Error, Host: h.Name, Check: Address, What: fmt.Sprintf("it has address %s on %s, within the range of %s", a.CIDR, a.Interface, what),
					Why: "packets would not find their way", Remedy: "choose another range in the network block, or take the address away"})
			}
		}
		if !mine {
			list = append(list, Finding{Severity: Error, Host: h.Name, Check: Address, What: fmt.Sprintf("it does not have its address %s", h.Address),
				Why: "etcd and the API listen on it; an address that a router translates does not do", Remedy: "write the address that the host itself has into the inventory, and the other into the bastion or ~/.ssh/config"})
		}
	}
	return list
}

// inside names the cluster's own range that an address lies in.
func (in Input) inside(address netip.Addr) string {
	network := in.Inventory.Network
	switch {
	case network.Pods.IsValid() && network.Pods.Contains(address):
		return "pods " + network.Pods.String()
	case network.Services.IsValid() && network.Services.Contains(address):
		return "services " + network.Services.String()
	}
	return ""
}

// keysOf are the keys of a map, sorted.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
