package directory

import (
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Kind is the kind's name in addresses; the name of a resource is the path.
const Kind = "directory"

// Spec is a folder with its owner and mode; parents are made as needed, 0755.
type Spec struct {
	Attr system.Attr `json:"attr"`
	// Purge removes what stands in the folder when the resource is removed, and
	// says so in the plan (data folders are kept otherwise).
	Purge bool `json:"purge,omitempty"`
}

// New wants a folder of root's.
func New(host, path string, mode uint32) resource.Resource {
	return resource.New(host, Kind, path, Spec{Attr: system.Attr{Mode: mode}})
}
