package identity

import (
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Kind is the kind's name in addresses; the name of a resource is the path.
const Kind = "identity"

// Spec is a copy of an item of the cluster's identity (system.IdentityDir) in
// the place where a program wants it. The content never leaves the host.
type Spec struct {
	Item string      `json:"item"` // system.ClusterCA, system.ServiceKey…
	Attr system.Attr `json:"attr"`
}

// New wants a copy; keys should have mode 0600.
func New(host, path, item string, mode uint32) resource.Resource {
	return resource.New(host, Kind, path, Spec{Item: item, Attr: system.Attr{Mode: mode}})
}
