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
	// Part is what is copied of an item with several blocks while it rotates.
	Part string `json:"part,omitempty"`
}

// Parts of an item.
const (
	// Signer is the block that signs: programs that sign take one alone.
	Signer = "signer"
	// Trusted are all blocks, in an order that does not tell which one signs:
	// what only verifies is left alone when that changes.
	Trusted = "trusted"
)

// New wants a copy; keys should have mode 0600.
func New(host, path, item string, mode uint32) resource.Resource {
	return resource.New(host, Kind, path, Spec{Item: item, Attr: system.Attr{Mode: mode}})
}

// NewPart is New for a part of an item.
func NewPart(host, path, item, part string, mode uint32) resource.Resource {
	return resource.New(host, Kind, path, Spec{Item: item, Part: part, Attr: system.Attr{Mode: mode}})
}
