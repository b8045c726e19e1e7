package component

import (
	"fmt"
	"path"
	"regexp"
	"slices"

	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/binary"
	"provision/provision/resource/directory"
	"provision/provision/resource/file"
	"provision/provision/resource/override"
	"provision/provision/resource/residue"
	"provision/provision/resource/unit"
)

// installed finds what enables a unit.
var installed = regexp.MustCompile(`(?m)^\[Install\]\s*\n(?s:.*)^(WantedBy|RequiredBy)=\S`)

// Set collects the resources of one component on one host. It keeps the first
// error, so that a component reads as a list.
type Set struct {
	Cluster *Cluster
	Host    inventory.Host
	Facts   facts.Host

	name string
	list []resource.Resource
	err  error
}

// NewSet starts a set; name is the component's.
func NewSet(cluster *Cluster, host inventory.Host, name string) *Set {
	known, err := cluster.Fact(host.Name)
	return &Set{Cluster: cluster, Host: host, Facts: known, name: name, err: err}
}

// Add puts a resource into the set. What stands in a folder that the set (or
// package trust or containerd) makes also requires the folder.
func (s *Set) Add(r resource.Resource) resource.Address {
	if folder, ok := s.folder(r.Address); ok {
		r = r.After(folder)
	}
	r.Component = s.name
	s.list = append(s.list, r)
	return r.Address
}

// Fail keeps the first error.
func (s *Set) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Draining marks resources of the set: their change on a Node needs it empty.
func (s *Set) Draining(addresses ...resource.Address) {
	for _, address := range addresses {
		s.mark(address, resource.Resource.Draining)
	}
}

// InWaves marks units of the set: what restarts them goes through the Nodes in
// waves.
func (s *Set) InWaves(unit resource.Address) { s.mark(unit, resource.Resource.InWaves) }

// From says which settings of the inventory a resource of the set is made of.
func (s *Set) From(address resource.Address, paths ...string) resource.Address {
	s.mark(address, func(r resource.Resource) resource.Resource { return r.From(paths...) })
	return address
}

func (s *Set) mark(address resource.Address, mark func(resource.Resource) resource.Resource) {
	for i, r := range s.list {
		if r.Address == address {
			s.list[i] = mark(r)
		}
	}
}

// Dir wants a folder of root's.
func (s *Set) Dir(name string, mode uint32) resource.Address {
	return s.Add(directory.New(s.Host.Name, name, mode))
}

// File wants a file of root's whose change restarts the given units.
func (s *Set) File(name, content string, mode uint32, restarts ...string) resource.Address {
	return s.Add(file.New(s.Host.Name, name, content, mode).Restarting(restarts...))
}

// Binary wants an artifact as /usr/local/bin/NAME; its change restarts units.
func (s *Set) Binary(name string, restarts ...string) resource.Address {
	return s.BinaryAt(name, BinDir+"/"+name, restarts...)
}

// BinaryAt is Binary for another path than the usual one.
func (s *Set) BinaryAt(artifact, name string, restarts ...string) resource.Address {
	if s.err != nil {
		return resource.Address{}
	}
	found, err := s.Cluster.Artifact(artifact, s.Facts.Arch)
	if err != nil {
		s.Fail(err)
		return resource.Address{}
	}
	return s.Add(binary.New(s.Host.Name, name, found.SHA256, found.Ref.Version).Restarting(restarts...))
}

// Service wants a unit file and the unit running. The unit requires all that is
// in the set so far, and what else is given. The file says in [Install] what
// starts the unit when the host boots.
func (s *Set) Service(name, content string, needed ...resource.Address) resource.Address {
	if !installed.MatchString(content) {
		s.Fail(fmt.Errorf("unit %s of component %s would not start after a boot: its file has no [Install] with WantedBy; end it with \"[Install]\\nWantedBy=multi-user.target\\n\", or, if another unit starts it, want only its file: Add(file.Unit(…))", name, s.name))
	}
	s.Add(file.Unit(s.Host.Name, name, content).Restarting(name))
	return s.running(name, override.Spec{}, needed)
}

// Running wants a unit running whose file comes from a package of the OS.
func (s *Set) Running(name string, needed ...resource.Address) resource.Address {
	return s.running(name, override.Spec{Packaged: true}, needed)
}

func (s *Set) running(name string, over override.Spec, needed []resource.Address) resource.Address {
	s.Add(override.None(s.Host.Name, name, over))
	seen := map[resource.Address]bool{}
	wanted := unit.Running(s.Host.Name, name)
	for _, address := range append(s.Addresses(), needed...) {
		if !seen[address] {
			seen[address] = true
			wanted = wanted.After(address)
		}
	}
	return s.Add(wanted)
}

// Addresses are those of all resources so far.
func (s *Set) Addresses() []resource.Address {
	addresses := make([]resource.Address, 0, len(s.list))
	for _, r := range s.list {
		addresses = append(addresses, r.Address)
	}
	return addresses
}

// Done returns the resources or the first error.
func (s *Set) Done() ([]resource.Resource, error) {
	if s.err != nil {
		return nil, s.err
	}
	s.tracesFirst()
	return s.list, nil
}

// tracesFirst has what programs may leave behind noted before anything of the
// set is made: what is there then was there before, and stays. Removals go the
// other way round, so the traces go last.
func (s *Set) tracesFirst() {
	for _, traces := range s.list {
		if traces.Address.Kind != residue.Kind {
			continue
		}
		for i, r := range s.list {
			if r.Address.Kind != residue.Kind && !slices.Contains(traces.Requires, r.Address) {
				s.list[i] = r.After(traces.Address)
			}
		}
	}
}

// folder finds the resource that makes the folder which an address stands in.
func (s *Set) folder(address resource.Address) (resource.Address, bool) {
	parent := resource.Address{Host: s.Host.Name, Kind: directory.Kind, Name: path.Dir(address.Name)}
	if !path.IsAbs(address.Name) || parent.Name == address.Name {
		return parent, false
	}
	for _, r := range s.list {
		if r.Address == parent {
			return parent, true
		}
	}
	shared := parent.Name == ConfigDir || parent.Name == PKIDir
	return parent, shared && address != parent
}
