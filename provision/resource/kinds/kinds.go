package kinds

import (
	"fmt"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/archive"
	"provision/provision/resource/binary"
	"provision/provision/resource/cert"
	"provision/provision/resource/directory"
	"provision/provision/resource/etcddata"
	"provision/provision/resource/file"
	"provision/provision/resource/hosts"
	"provision/provision/resource/hugepages"
	"provision/provision/resource/identity"
	"provision/provision/resource/image"
	"provision/provision/resource/kmod"
	"provision/provision/resource/managers"
	"provision/provision/resource/override"
	"provision/provision/resource/pkg"
	"provision/provision/resource/residue"
	"provision/provision/resource/swap"
	"provision/provision/resource/sysctl"
	"provision/provision/resource/unit"
	"provision/provision/resource/user"
)

// Host returns every kind that agents run, by name.
func Host() []resource.Kind[*system.System] {
	return []resource.Kind[*system.System]{
		archive.Of(),
		binary.Of(),
		cert.Of(),
		directory.Of(),
		etcddata.Of(),
		file.Of(),
		hosts.Of(),
		hugepages.Of(),
		identity.Of(),
		image.Of(),
		kmod.Of(),
		managers.Of(),
		override.Of(),
		pkg.Of(),
		residue.Of(),
		swap.Of(),
		sysctl.Of(),
		unit.Of(),
		user.Of(),
	}
}

// Catalogue finds kinds by name.
type Catalogue map[string]resource.Kind[*system.System]

// New is the catalogue of Host.
func New() Catalogue {
	catalogue := Catalogue{}
	for _, kind := range Host() {
		catalogue[kind.Name()] = kind
	}
	return catalogue
}

// Find returns the kind, or an error for names that this version does not know.
func (c Catalogue) Find(name string) (resource.Kind[*system.System], error) {
	kind, ok := c[name]
	if !ok {
		return nil, fmt.Errorf("finding resource kind: no kind %q in this version", name)
	}
	return kind, nil
}
