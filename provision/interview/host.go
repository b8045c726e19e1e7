package interview

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// Host is a host of the inventory that is being made.
type Host struct {
	Address netip.Addr
	Name    string
	Master  bool
	Node    bool
	Etcd    bool

	DNS    string  // name it was given by
	Report *Report // what it said of itself; nil when it was not asked
}

// Report is what a host says of itself.
type Report struct {
	Hostname, MachineID string
	OS, Arch            string
	CPUs                int
	MemoryKiB           int64
	Addresses           []facts.Address
	UnknownOS           string // why the system is not one that provision knows; "" when it is
	Lab                 string
}

func (h Host) roles() []string {
	var list []string
	for _, r := range []struct {
		has  bool
		name inventory.Role
	}{{h.Etcd, inventory.RoleEtcd}, {h.Master, inventory.RoleMaster}, {h.Node, inventory.RoleNode}} {
		if r.has {
			list = append(list, string(r.name))
		}
	}
	return list
}

// sortHosts puts masters first, then sorts by address.
func sortHosts(hosts []Host) {
	slices.SortStableFunc(hosts, func(a, b Host) int {
		if a.Master != b.Master {
			if a.Master {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Name, b.Name))
	})
}

var goodName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// nameHosts gives a name to each host that has none: the hostname it reports,
// if that is a good one and nobody else's, else master-N or node-N.
func nameHosts(hosts []Host) {
	wanted := map[string]int{}
	suggested := func(h Host) string {
		name := ""
		switch {
		case h.Report != nil:
			name = h.Report.Hostname
		case h.DNS != "":
			name = h.DNS
		}
		name, _, _ = strings.Cut(strings.ToLower(name), ".")
		if !goodName.MatchString(name) || slices.Contains([]string{"localhost", "debian", "ubuntu", "linux", "cluster"}, name) {
			return ""
		}
		return name
	}
	taken := map[string]bool{"cluster": true}
	for _, h := range hosts {
		if h.Name != "" {
			taken[h.Name] = true
		} else if name := suggested(h); name != "" {
			wanted[name]++
		}
	}
	for i := range hosts {
		if name := suggested(hosts[i]); hosts[i].Name == "" && wanted[name] == 1 && !taken[name] {
			hosts[i].Name = name
			taken[name] = true
		}
	}
	count := map[string]int{}
	for i := range hosts {
		if hosts[i].Name != "" {
			continue
		}
		prefix := "node"
		if hosts[i].Master {
			prefix = "master"
		}
		for hosts[i].Name == "" || taken[hosts[i].Name] {
			count[prefix]++
			hosts[i].Name = fmt.Sprintf("%s-%d", prefix, count[prefix])
		}
		taken[hosts[i].Name] = true
	}
}

// usable are the addresses that other hosts could reach a host by.
func usable(r Report) []facts.Address {
	var list []facts.Address
	for _, a := range r.Addresses {
		p, err := netip.ParsePrefix(a.CIDR)
		if err != nil || ours(a.Interface) {
			continue
		}
		if _, err := places(p.Addr()); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// ours are interfaces of pods and virtual machines.
func ours(name string) bool {
	for _, prefix := range []string{"docker", "cni", "flannel", "veth", "virbr", "br-", "kube-", "cali", "tunl", "vxlan", "nodelocaldns"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// networks are those that the hosts are in, as far as they told.
func networks(hosts []Host) []netip.Prefix {
	var list []netip.Prefix
	for _, h := range hosts {
		list = append(list, netip.PrefixFrom(h.Address, h.Address.BitLen()))
		if h.Report == nil {
			continue
		}
		for _, a := range usable(*h.Report) {
			if p, err := netip.ParsePrefix(a.CIDR); err == nil {
				list = append(list, p.Masked())
			}
		}
	}
	return list
}
