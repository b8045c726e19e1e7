package kubeproxy

import (
	"provision/provision/component"
	"provision/provision/inventory"
)

const (
	metricsPort = 10249
	healthPort  = 10256
)

// Ports implements component.Listener.
func (proxy) Ports(*component.Cluster, inventory.Host) []component.Port {
	return []component.Port{
		{Number: metricsPort, Unit: Unit, Loopback: true},
		{Number: healthPort, Unit: Unit, Loopback: true},
	}
}

// Metrics implements component.Measured.
func (proxy) Metrics(*component.Cluster, inventory.Host) []component.Metrics {
	return []component.Metrics{{Unit: Unit, Scheme: "http", Port: metricsPort, Path: "/metrics", Loopback: true}}
}
