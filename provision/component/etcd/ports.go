package etcd

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

const metricsPort = 2381

// Ports implements component.Listener.
func (etcd) Ports(*component.Cluster, inventory.Host) []component.Port {
	return []component.Port{
		{Number: component.EtcdClientPort, Unit: Unit, From: func(h inventory.Host) bool { return h.Has(inventory.RoleMaster) }},
		{Number: component.EtcdPeerPort, Unit: Unit, From: func(h inventory.Host) bool { return h.Has(inventory.RoleEtcd) }},
		{Number: metricsPort, Unit: Unit, Loopback: true},
	}
}
