package kubelet

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/osfacts"
)

// config is the KubeletConfiguration: ours, with the inventory's fields over it,
// and those of the host's pool.
func config(inv *inventory.Inventory, host inventory.Host, known facts.Host) (fields map[string]any, text string, err error) {
	fields = merge(merge(defaults(inv, host, known), inv.Kubernetes.Kubelet), pooled(inv.PoolOf(host)))
	raw, err := yaml.Marshal(fields)
	if err != nil {
		return nil, "", fmt.Errorf("writing kubelet's configuration: %w", err)
	}
	return fields, string(raw), nil
}

func defaults(inv *inventory.Inventory, host inventory.Host, known facts.Host) map[string]any {
	return map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": component.ClusterCA},
		},
		"authorization":            map[string]any{"mode": "Webhook"},
		"readOnlyPort":             0,
		"tlsCertFile":              serverCert + ".crt",
		"tlsPrivateKeyFile":        serverCert + ".key",
		"tlsMinVersion":            "VersionTLS12",
		"rotateCertificates":       true,
		"registerNode":             true,
		"containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
		"cgroupDriver":             driver(inv),
		"clusterDNS":               []any{inv.Network.DNSAddress.String()},
		"clusterDomain":            inv.Network.DNSDomain,
		"resolvConf":               resolver(known),
		"failSwapOn":               inv.OS.Swap != "ignore",
		"maxPods":                  maxPods(inv.Network),
		"serializeImagePulls":      false,
		"maxParallelImagePulls":    4,
		"containerLogMaxSize":      "20Mi",
		"containerLogMaxFiles":     5,
		// kubelet's chains are for iptables; kube-proxy and flannel use nft.
		"makeIPTablesUtilChains":          inv.Network.ProxyMode == "iptables" || inv.Network.ProxyMode == "ipvs",
		"protectKernelDefaults":           false,
		"kubeReserved":                    map[string]any{"cpu": "100m", "memory": "256Mi"},
		"systemReserved":                  systemReserved(host),
		"evictionHard":                    evictionHard(),
		"shutdownGracePeriod":             "60s",
		"shutdownGracePeriodCriticalPods": "20s",
	}
}

// systemReserved keeps memory for what runs beside pods: the OS, and on masters
// the control plane and etcd.
func systemReserved(host inventory.Host) map[string]any {
	cpu, memory := 100, 256
	if host.Has(inventory.RoleMaster) {
		cpu, memory = cpu+250, memory+768
	}
	if host.Has(inventory.RoleEtcd) {
		cpu, memory = cpu+100, memory+256
	}
	return map[string]any{"cpu": fmt.Sprintf("%dm", cpu), "memory": fmt.Sprintf("%dMi", memory)}
}

func evictionHard() map[string]any {
	return map[string]any{
		"memory.available": "200Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%",
		"imagefs.available": "10%", "imagefs.inodesFree": "5%",
	}
}

func driver(inv *inventory.Inventory) string {
	if inv.Kubernetes.CgroupDriver == "" {
		return "systemd"
	}
	return inv.Kubernetes.CgroupDriver
}

func resolver(known facts.Host) string {
	if known.Resolver != "" {
		return known.Resolver
	}
	return osfacts.For(known.OS).Resolver
}

// maxPods is what the host's pod CIDR can hold, at most the usual 110.
func maxPods(n inventory.Network) int { return max(min(room(n), 110), 1) }

// room is how many pods have an address on a Node: the network, gateway and
// broadcast addresses are not for pods.
func room(n inventory.Network) int {
	bits := 32
	if n.Pods.Addr().Is6() {
		bits = 128
	}
	if n.NodePrefix <= 0 || n.NodePrefix > bits || bits-n.NodePrefix > 20 {
		return 1 << 20
	}
	return 1<<(bits-n.NodePrefix) - 3
}

// merge puts over on top of base: maps are merged, everything else replaced.
func merge(base, over map[string]any) map[string]any {
	merged := make(map[string]any, len(base)+len(over))
	for key, value := range base {
		merged[key] = value
	}
	for key, value := range over {
		below, isMap := merged[key].(map[string]any)
		above, alsoMap := value.(map[string]any)
		if isMap && alsoMap {
			value = merge(below, above)
		}
		merged[key] = value
	}
	return merged
}
