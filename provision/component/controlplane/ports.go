package controlplane

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

// Ports implements component.Listener.
func (controlPlane) Ports(*component.Cluster, inventory.Host) []component.Port {
	return []component.Port{
		{Number: component.APIPort, Unit: APIServer, From: inventory.Host.Joins},
		{Number: 10257, Unit: ControllerManager, Loopback: true},
		{Number: 10259, Unit: Scheduler, Loopback: true},
	}
}
