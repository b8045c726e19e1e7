package component

import "provision/provision/inventory"

// Port is a port of a host that a component listens on.
type Port struct {
	Number int
	UDP    bool
	// Unit is the unit that listens, or that makes the kernel do so.
	Unit string
	// Loopback: only programs of the host itself connect.
	Loopback bool
	// From reports whether a host must reach the port; nil: none must.
	From func(from inventory.Host) bool
	// Packets says that the port carries packets of pods, as large as the
	// network between the hosts takes: MTU, or that of the interface when 0.
	Packets bool
	MTU     int
}

// Listener is implemented by components that listen on ports.
type Listener interface {
	// Ports are those of a host that runs the component. Pure.
	Ports(cluster *Cluster, host inventory.Host) []Port
}

// Ports are all that components listen on on a host.
func Ports(cluster *Cluster, components []Component, host inventory.Host) []Port {
	var list []Port
	for _, c := range components {
		if listener, ok := c.(Listener); ok && c.Runs(cluster, host) {
			list = append(list, listener.Ports(cluster, host)...)
		}
	}
	return list
}
