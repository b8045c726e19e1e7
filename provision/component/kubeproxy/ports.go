package kubeproxy

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

// Ports implements component.Listener.
func (proxy) Ports(*component.Cluster, inventory.Host) []component.Port {
	return []component.Port{
		{Number: 10249, Unit: Unit, Loopback: true},
		{Number: 10256, Unit: Unit, Loopback: true},
	}
}
