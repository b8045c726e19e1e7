package controlplane

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

const (
	managerPort   = 10257
	schedulerPort = 10259
)

// Ports implements component.Listener.
func (controlPlane) Ports(*component.Cluster, inventory.Host) []component.Port {
	every := func(inventory.Host) bool { return true } // host asks it for certificates
	return []component.Port{
		{Number: component.APIPort, Unit: APIServer, From: every},
		{Number: managerPort, Unit: ControllerManager, Loopback: true},
		{Number: schedulerPort, Unit: Scheduler, Loopback: true},
	}
}

// Metrics implements component.Measured.
func (controlPlane) Metrics(*component.Cluster, inventory.Host) []component.Metrics {
	return []component.Metrics{
		{Unit: APIServer, Scheme: "https", Port: component.APIPort, Path: "/metrics", Access: true},
		{Unit: ControllerManager, Scheme: "https", Port: managerPort, Path: "/metrics", Loopback: true, Access: true},
		{Unit: Scheduler, Scheme: "https", Port: schedulerPort, Path: "/metrics", Loopback: true, Access: true},
	}
}
