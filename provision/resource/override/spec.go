package override

import "provision/provision/resource"

// Kind is the kind's name in addresses; the name of a resource is the unit's
// full name: etcd.service.
const Kind = "override"

// Spec says what may stand over the unit.
type Spec struct {
	// Packaged is set when the unit's file comes with a package of the OS: then
	// one in /etc/systemd/system is somebody's, too.
	Packaged bool `json:"packaged,omitempty"`
	// Ours are paths of drop-ins that provision itself writes.
	Ours []string `json:"ours,omitempty"`
}

// None wants nothing over a unit; what was found and set aside restarts it.
func None(host, unit string, want Spec) resource.Resource {
	return resource.New(host, Kind, unit, want).Restarting(unit)
}
