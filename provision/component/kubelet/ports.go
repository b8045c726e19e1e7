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
