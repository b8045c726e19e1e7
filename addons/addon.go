package addons

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"provision/addons/release"
	"provision/provision/bundle"
	"provision/provision/component"
)

// Config is an add-on's decoded block; each add-on has its own type.
type Config any

// Addon is something that runs in the cluster.
type Addon interface {
	// Name is the label of its block: addon "coredns" { … }.
	Name() string
	// Requires names the add-ons that must be ready before this one.
	Requires() []string
	// Default reports whether it is installed without a block of its own.
	Default() bool
	// Decode reads the block; hcl.EmptyBody() when there is none. Every
	// problem is reported at once. eval holds the inventory's variables.
	Decode(body hcl.Body, eval *hcl.EvalContext) (Config, hcl.Diagnostics)
	// Releases are the charts to install, in order; none when the settings
	// switch the add-on off. Pure.
	Releases(cluster *component.Cluster, config Config) ([]release.Release, error)
}

// Archs are the architectures of the cluster's Nodes, sorted: an add-on needs
// its images for each. Hosts that did not answer are not counted.
func Archs(cluster *component.Cluster) []string {
	var archs []string
	for _, host := range cluster.Inventory.Hosts {
		fact, known := cluster.Facts[host.Name]
		if known && host.Joins() && !slices.Contains(archs, fact.Arch) {
			archs = append(archs, fact.Arch)
		}
	}
	slices.Sort(archs)
	return archs
}

// Images are the artifacts of an image for every architecture of the cluster.
func Images(cluster *component.Cluster, name, version string) []bundle.Ref {
	var refs []bundle.Ref
	for _, arch := range Archs(cluster) {
		refs = append(refs, bundle.Ref{Name: name, Version: version, Arch: arch})
	}
	return refs
}
