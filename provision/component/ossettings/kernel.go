package ossettings

import (
	"sort"
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/kmod"
	"provision/provision/resource/sysctl"
)

func addModules(s *component.Set, needed []resource.Address) []resource.Address {
	inv := s.Cluster.Inventory
	var loaded []resource.Address
	add := func(name string, spec kmod.Spec) {
		spec.CheckOnly = !inv.OS.ManageModules
		loaded = append(loaded, s.Add(resource.New(s.Host.Name, kmod.Kind, name, spec).After(needed...)))
	}
	for _, name := range modules(inv) {
		add(name, kmod.Spec{})
	}
	return loaded
}

// modules are those that pods, Services and the network need, and the
// inventory's.
func modules(inv *inventory.Inventory) []string {
	wanted := map[string]bool{"overlay": true, "br_netfilter": true, "nf_conntrack": true, "vxlan": true}
	switch inv.Network.ProxyMode {
	case "ipvs":
		for _, name := range []string{"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh"} {
			wanted[name] = true
		}
	case "iptables":
		wanted["ip_tables"] = true
	default:
		wanted["nf_tables"] = true
	}
	for _, name := range inv.OS.Modules {
		wanted[name] = true
	}
	return keys(wanted)
}

// atLeast are limits where a greater value of the host's own is as good.
func atLeast() map[string]string {
	return map[string]string{
		"fs.file-max":                   "1048576",
		"fs.inotify.max_user_instances": "8192",
		"fs.inotify.max_user_watches":   "524288",
		"kernel.pid_max":                "65536",
		"net.core.somaxconn":            "4096",
		"vm.max_map_count":              "262144",
	}
}

// exact are values that Kubernetes and the network need just so. The vm and
// kernel ones are those that kubelet would set by itself.
func exact() map[string]string {
	return map[string]string{
		"kernel.panic":                        "10",
		"kernel.panic_on_oops":                "1",
		"net.bridge.bridge-nf-call-ip6tables": "1",
		"net.bridge.bridge-nf-call-iptables":  "1",
		"net.ipv4.conf.all.forwarding":        "1",
		"net.ipv4.ip_forward":                 "1",
		"vm.overcommit_memory":                "1",
		"vm.panic_on_oom":                     "0",
	}
}

func addSysctls(s *component.Set, needed []resource.Address) {
	inv := s.Cluster.Inventory
	specs := map[string]sysctl.Spec{}
	for key, value := range atLeast() {
		specs[key] = sysctl.Spec{Value: value, AtLeast: true}
	}
	for key, value := range exact() {
		specs[key] = sysctl.Spec{Value: value}
	}
	for key, value := range inv.OS.Sysctls {
		specs[key] = sysctl.Spec{Value: value}
	}
	for _, key := range keys(specs) {
		if !inv.OS.ManageSysctls && !perNamespace(key) {
			continue
		}
		s.Add(resource.New(s.Host.Name, sysctl.Kind, key, specs[key]).After(needed...))
	}
}

func keys[V any](values map[string]V) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// perNamespace reports whether each network namespace has its own value, so
// that it must be set even on a host that shares its kernel with others.
func perNamespace(key string) bool {
	return strings.HasPrefix(key, "net.ipv4.") || strings.HasPrefix(key, "net.ipv6.") ||
		strings.HasPrefix(key, "net.bridge.") || key == "net.core.somaxconn"
}
