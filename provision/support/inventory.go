package support

import (
	"maps"
	"strings"

	"provision/provision/inventory"
)

// View is an inventory as it was understood, without what may be secret: the
// bodies of add-ons and plug-ins, names of key files and variables that hold
// passwords, and values of settings that sound secret.
func View(inv *inventory.Inventory) any {
	type host struct {
		Name    string            `json:"name"`
		Address string            `json:"address"`
		Roles   []inventory.Role  `json:"roles"`
		Rack    string            `json:"rack,omitempty"`
		Zone    string            `json:"zone,omitempty"`
		Labels  map[string]string `json:"labels,omitempty"`
		Taints  []inventory.Taint `json:"taints,omitempty"`
		User    string            `json:"user,omitempty"`
		Port    int               `json:"port,omitempty"`
		HostKey string            `json:"host_key,omitempty"`
	}
	var hosts []host
	for _, h := range inv.Hosts {
		hosts = append(hosts, host{h.Name, h.Address.String(), h.Roles, h.Rack, h.Zone, h.Labels, h.Taints, h.User, h.Port, h.HostKey})
	}
	var addons []string
	for _, a := range inv.Addons {
		addons = append(addons, a.Release())
	}
	var mirrors []string
	for registry := range inv.Kubernetes.RegistryMirrors {
		mirrors = append(mirrors, registry)
	}
	k, n := inv.Kubernetes, inv.Network
	return map[string]any{
		"cluster": map[string]any{"name": inv.Cluster.Name, "site": inv.Cluster.Site, "environment": inv.Cluster.Environment,
			"versions": inv.Cluster.Versions, "via": inv.Cluster.Via, "api_address": inv.Cluster.APIAddress},
		"ssh": map[string]any{"user": inv.SSH.User, "port": inv.SSH.Port, "sudo": inv.SSH.Sudo, "bastions": len(inv.SSH.Bastions),
			"parallel": inv.SSH.Parallel, "connect_timeout": inv.SSH.ConnectTimeout.String(), "keepalive": inv.SSH.Keepalive.String()},
		"network": map[string]any{"pods": n.Pods, "services": n.Services, "node_prefix": n.NodePrefix, "dns_domain": n.DNSDomain,
			"dns_address": n.DNSAddress, "plugin": n.Plugin.Name, "proxy_mode": n.ProxyMode},
		"kubernetes": map[string]any{"api_server_args": quiet(k.APIServerArgs), "controller_manager_args": quiet(k.ControllerManagerArgs),
			"scheduler_args": quiet(k.SchedulerArgs), "kubelet": k.Kubelet, "cgroup_driver": k.CgroupDriver, "mirrored_registries": mirrors},
		"etcd": map[string]any{"data_dir": inv.Etcd.DataDir, "quota_bytes": inv.Etcd.QuotaBytes, "args": quiet(inv.Etcd.Args),
			"heartbeat_interval": inv.Etcd.HeartbeatInterval.String(), "election_timeout": inv.Etcd.ElectionTimeout.String()},
		"time": inv.Time, "os": inv.OS,
		"pki":    map[string]any{"ca_life": inv.PKI.CALife.String(), "leaf_life": inv.PKI.LeafLife.String()},
		"addons": addons, "hosts": hosts, "digest": inv.PublicDigest,
	}
}

// quiet hides the values of flags that sound secret.
func quiet(args map[string]string) map[string]string {
	out := maps.Clone(args)
	for name := range out {
		for _, word := range []string{"password", "secret", "token", "key", "auth"} {
			if strings.Contains(name, word) {
				out[name] = Hidden
			}
		}
	}
	return out
}
