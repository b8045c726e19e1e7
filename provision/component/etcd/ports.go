package etcd

import (
	"fmt"
	"time"

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

// Metrics implements component.Measured.
func (etcd) Metrics(*component.Cluster, inventory.Host) []component.Metrics {
	return []component.Metrics{{Unit: Unit, Scheme: "http", Port: metricsPort, Path: "/metrics", Loopback: true}}
}

// Checks implements component.Checked. A leader whose every write takes as long
// as its heartbeats are apart is voted out again and again; a few slow writes are
// not enough to keep a host out.
func (etcd) Checks(c *component.Cluster, _ inventory.Host) component.Checks {
	election := c.Inventory.Etcd.ElectionTimeout
	return component.Checks{Folders: []component.Folder{{
		Path: dataDir(c.Inventory), Least: 1 << 29, Enough: 2 << 30, Local: true, Holds: "this etcd member's data",
		Writes: &component.Writes{
			Within: 10 * time.Millisecond, Why: "etcd wants them within 10 ms", // its documentation says so
			Worst: election / 10, WhyWorst: fmt.Sprintf("etcd would keep losing its leader: an election takes %s", election),
			Remedy: "put etcd's data_dir on a disk of its own, best an SSD with power-loss protection",
		},
	}}}
}
