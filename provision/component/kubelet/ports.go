package kubelet

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

// Ports implements component.Listener. API servers reach kubelets for logs and
// commands in pods.
func (kubelet) Ports(*component.Cluster, inventory.Host) []component.Port {
	return []component.Port{
		{Number: 10250, Unit: Unit, From: func(h inventory.Host) bool { return h.Has(inventory.RoleMaster) }},
		{Number: 10248, Unit: Unit, Loopback: true},
	}
}
