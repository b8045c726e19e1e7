package component

import (
	"fmt"
	"sort"

	"provision/provision/bundle"
	"provision/provision/osfacts"
	"provision/provision/resource"
	"provision/provision/resource/image"
	"provision/provision/resource/pkg"
)

// Artifact resolves a named artifact that is one blob.
func (c *Cluster) Artifact(name, arch string) (bundle.Artifact, error) {
	version, err := c.Inventory.Version(name)
	if err != nil {
		return bundle.Artifact{}, err
	}
	return c.One(bundle.Ref{Name: name, Version: version, Arch: arch})
}

// One resolves a reference that stands for one blob.
func (c *Cluster) One(ref bundle.Ref) (bundle.Artifact, error) {
	found, err := c.Artifacts.Resolve(ref)
	if err != nil {
		return bundle.Artifact{}, err
	}
	if len(found) != 1 {
		return bundle.Artifact{}, fmt.Errorf("resolving %s: %d blobs where one is expected", ref, len(found))
	}
	return found[0], nil
}

// Image wants the images of an artifact on the set's host, and returns the last:
// an operator's archive may hold several.
func (s *Set) Image(ref bundle.Ref, needed ...resource.Address) resource.Address {
	if s.err != nil {
		return resource.Address{}
	}
	ref.Arch = s.Facts.Arch
	found, err := s.Cluster.Artifacts.Resolve(ref)
	if err != nil {
		s.Fail(err)
	}
	var last resource.Address
	for _, a := range found {
		last = s.Add(image.New(s.Host.Name, a.Image, a.SHA256, a.Manifest).After(needed...))
	}
	return last
}

// Package wants an OS package: from the bundle's closure of .deb files where it
// has one, else from the host's own repositories.
func (s *Set) Package(name string, noStart bool) resource.Address {
	if s.err != nil {
		return resource.Address{}
	}
	spec := pkg.Spec{NoStart: noStart, Hold: s.Cluster.Inventory.OS.HoldPackages}
	var blobs []string
	found, err := s.Cluster.Artifacts.Resolve(s.debs(name))
	if err == nil {
		for _, a := range found {
			spec.Debs = append(spec.Debs, pkg.Deb{File: a.File, SHA256: a.SHA256, Package: a.Package, Version: a.PackageVersion})
			blobs = append(blobs, a.SHA256)
		}
	}
	return s.Add(resource.New(s.Host.Name, pkg.Kind, name, spec).WithBlobs(blobs...))
}

func (s *Set) debs(name string) bundle.Ref {
	return bundle.Ref{Name: "deb-" + name, Version: s.Facts.OS.Codename, Arch: s.Facts.Arch}
}

// Refs are the named artifacts for every architecture that the hosts which run
// the component have (amd64 while nothing is known of any host).
func Refs(c *Cluster, comp Component, names ...string) []bundle.Ref {
	seen := map[string]bool{}
	for _, host := range c.Inventory.Hosts {
		if known, ok := c.Facts[host.Name]; ok && comp.Runs(c, host) {
			seen[known.Arch] = true
		}
	}
	if len(seen) == 0 {
		seen["amd64"] = true
	}
	var refs []bundle.Ref
	for arch := range seen {
		for _, name := range names {
			version, err := c.Inventory.Version(name)
			if err == nil {
				refs = append(refs, bundle.Ref{Name: name, Version: version, Arch: arch})
			}
		}
	}
	return sorted(refs)
}

// PackageRefs are the .deb closures of packages for every system among the
// hosts that run the component and for which closures are kept.
func PackageRefs(c *Cluster, comp Component, names ...string) []bundle.Ref {
	seen := map[bundle.Ref]bool{}
	for _, host := range c.Inventory.Hosts {
		known, ok := c.Facts[host.Name]
		if !ok || !comp.Runs(c, host) || !osfacts.For(known.OS).Bundled {
			continue
		}
		for _, name := range names {
			seen[bundle.Ref{Name: "deb-" + name, Version: known.OS.Codename, Arch: known.Arch}] = true
		}
	}
	refs := make([]bundle.Ref, 0, len(seen))
	for ref := range seen {
		refs = append(refs, ref)
	}
	return sorted(refs)
}

func sorted(refs []bundle.Ref) []bundle.Ref {
	sort.Slice(refs, func(i, j int) bool { return refs[i].String() < refs[j].String() })
	return refs
}
