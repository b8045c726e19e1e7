package addons

import (
	"github.com/hashicorp/hcl/v2"

	"provision/addons/release"
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
