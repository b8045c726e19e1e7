package ossettings

import (
	"net/netip"
	"slices"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/hosts"
	"provision/provision/resource/swap"
)

const ipset = "ipset"

// New returns the component.
func New() component.Component { return settings{} }

type settings struct{}

func (settings) Name() string { return "os" }

func (settings) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Managed() }

func (o settings) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, o.Name())
	s.Add(hosts.New(host.Name, "hosts", hostLines(cluster.Inventory, host)...))
	addJournal(s)
	var needed []resource.Address
	for _, name := range packages(cluster.Inventory) {
		needed = append(needed, s.Package(name, false))
	}
	if !host.Joins() {
		return s.Done()
	}
	if cluster.Inventory.OS.Swap != "ignore" {
		s.Add(swap.Off(host.Name))
	}
	modules := addModules(s, needed)
	addSysctls(s, modules)
	return s.Done()
}

// hostLines are the host itself and, where it serves the API, the API's name:
// nothing that grows with the number of hosts.
func hostLines(inv *inventory.Inventory, host inventory.Host) []string {
	lines := []string{host.Address.String() + " " + host.Name}
	if name := inv.Cluster.APIAddress; name != "" && host.Has(inventory.RoleMaster) {
		if _, err := netip.ParseAddr(name); err != nil {
			lines = append(lines, host.Address.String()+" "+name)
		}
	}
	return lines
}

// Needed are the addresses of a host's OS settings of the given kinds, for
// programs that must not start before them.
func Needed(s *component.Set, kinds ...string) []resource.Address {
	list, err := settings{}.Desired(s.Cluster, s.Host)
	if err != nil {
		s.Fail(err)
	}
	var found []resource.Address
	for _, r := range list {
		if slices.Contains(kinds, r.Address.Kind) {
			found = append(found, r.Address)
		}
	}
	return found
}

// packages are called as Debian calls them, on every system of the table.
func packages(inv *inventory.Inventory) []string {
	var list []string
	if inv.OS.ManageModules {
		list = append(list, "kmod")
	}
	if inv.Network.ProxyMode == "ipvs" {
		list = append(list, ipset)
	}
	// kube-proxy, flannel and the CNI plug-ins use nft; flannel does not start
	// without iptables either, whose rules of former days it removes.
	return append(list, "iptables", "nftables")
}

func (o settings) Artifacts(cluster *component.Cluster) []bundle.Ref {
	wanted := slices.DeleteFunc(packages(cluster.Inventory), func(name string) bool {
		return name == ipset // only in repositories
	})
	return component.PackageRefs(cluster, o, wanted...)
}

func (settings) Rollout() component.Rollout { return component.Parallel }

// Checks implements component.Checked: the modules that hosts of pods need.
func (settings) Checks(c *component.Cluster, host inventory.Host) component.Checks {
	if !host.Joins() {
		return component.Checks{}
	}
	return component.Checks{Modules: modules(c.Inventory)}
}

func (settings) Gate() component.Gate { return component.Gate{} }
