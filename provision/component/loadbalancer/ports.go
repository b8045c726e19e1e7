package loadbalancer

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

// Ports implements component.Listener.
func (balancer) Ports(*component.Cluster, inventory.Host) []component.Port {
	return []component.Port{{Number: component.BalancerPort, Unit: Unit, Loopback: true}}
}
