package flannel

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

const healthPort = 10244

// Ports implements component.Listener. The kernel listens for VXLAN once
// flanneld has made its interface.
func (flannel) Ports(cluster *component.Cluster, _ inventory.Host) []component.Port {
	list := []component.Port{{Number: healthPort, Unit: Unit, Loopback: true}}
	s := settings(cluster.Inventory)
	if s.Backend != VXLAN {
		return list
	}
	return append(list, component.Port{Number: s.Port, UDP: true, Unit: Unit, From: inventory.Host.Joins, Packets: true, MTU: s.MTU})
}
