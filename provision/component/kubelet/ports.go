package kubelet

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

const (
	serverPort = 10250
	healthPort = 10248
)

// Ports implements component.Listener. API servers reach kubelets for logs and
// commands in pods.
func (kubelet) Ports(*component.Cluster, inventory.Host) []component.Port {
	return []component.Port{
		{Number: serverPort, Unit: Unit, From: func(h inventory.Host) bool { return h.Has(inventory.RoleMaster) }},
		{Number: healthPort, Unit: Unit, Loopback: true},
	}
}

// Metrics implements component.Measured.
func (kubelet) Metrics(*component.Cluster, inventory.Host) []component.Metrics {
	var list []component.Metrics
	for _, path := range []string{"/metrics", "/metrics/cadvisor", "/metrics/probes", "/metrics/resource"} {
		list = append(list, component.Metrics{Unit: Unit, Scheme: "https", Port: serverPort, Path: path, Access: true})
	}
	return list
}

// Checks implements component.Checked.
func (kubelet) Checks(*component.Cluster, inventory.Host) component.Checks {
	return component.Checks{Folders: []component.Folder{{Path: stateDir, Least: 1 << 28, Enough: 1 << 30,
		Room: 15, Why: "kubelet deletes images below 15 % and evicts pods below 10 %"}}}
}
