package unit

import "provision/provision/resource"

// Kind is the kind's name in addresses; the name of a resource is the unit's
// full name: etcd.service.
const Kind = "unit"

// FieldActive is the field of changes to units that are not as active as they
// are wanted.
const FieldActive = "active"

// Spec is the wanted state of a systemd unit. Its file, when it is ours, is a
// file resource that the unit requires.
type Spec struct {
	Enabled bool `json:"enabled"`
	Active  bool `json:"active"`
	Masked  bool `json:"masked,omitempty"`
	// NoWait queues the start and does not wait for readiness: for units that
	// become ready only together with others (etcd members of a new cluster
	// do wait, all at once).
	NoWait bool `json:"no_wait,omitempty"`
}

// Running wants a unit enabled and active.
func Running(host, name string) resource.Resource {
	return resource.New(host, Kind, name, Spec{Enabled: true, Active: true})
}
