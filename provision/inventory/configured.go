package inventory

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/diag"
)

// Part is a member of a catalogue: a component, a pod network, a kind of
// add-on. What it says of the language, it says by implementing Configured,
// AddonKind or RoleUser as well.
type Part interface{ Name() string }

// Configured has HCL of its own.
type Configured interface {
	Part
	// Blocks is a struct whose fields are the blocks that it owns, tagged as for
	// gohcl and with doc, default, kind and secret (see BlockTags). A field called
	// host or etcd adds to the blocks of that name; one called plugin are the
	// settings of network { plugin "NAME" { } }; all others are blocks at the
	// top. A slice may be given more than once.
	Blocks() any
	// Decode reads them once, when the inventory is loaded: body has the shape of
	// Blocks, with the values worked out, checked, and defaults filled in. There
	// is one host block for each host, labelled with its name. What it returns
	// is kept in Inventory.Settings. Every problem is reported at once.
	Decode(body hcl.Body) (any, hcl.Diagnostics)
}

// AddonKind is what add-ons are instances of.
type AddonKind interface {
	Part
	// Block is a struct of the attributes and blocks of addon "KIND" { }, as in
	// Configured.
	Block() any
	// Decode reads the block of one instance.
	Decode(body hcl.Body) (any, hcl.Diagnostics)
	// Default reports whether there is an instance without a block.
	Default() bool
	// Several reports whether there may be more than one instance.
	Several() bool
	// Requires are the kinds that must be there, and ready, before this one.
	Requires() []string
}

// RoleUser gives hosts something to do by roles of its own. A role that nobody
// uses is refused.
type RoleUser interface {
	Part
	Roles() []Role
}

// Judge has more to refuse than its own blocks tell: a role without the block
// that it takes; what programs make of settings that the inventory hands to them
// as they are, such as fields of their configuration and flags.
type Judge interface {
	Part
	// Judge is asked once, if the part's own blocks are sound. inv may hold problems
	// of others that are told already, and zeros in their place.
	Judge(inv *Inventory) diag.List
}

// Addon is an instance of a kind of add-on.
type Addon struct {
	Kind   string
	Name   string // the kind's, where the block does not say
	Config any    // what the kind decoded
	Range  hcl.Range
}

// Release is the name of the instance's release: KIND, or KIND-NAME for one
// with a name of its own.
func (a Addon) Release() string {
	if a.Name == a.Kind {
		return a.Kind
	}
	return a.Kind + "-" + a.Name
}

// String is how an instance is written: "coredns", or "postgres" "billing".
func (a Addon) String() string {
	if a.Name == a.Kind {
		return quote(a.Kind)
	}
	return quote(a.Kind) + " " + quote(a.Name)
}

// rolesOf are the roles that hosts may have: those of the engine, and those that
// a part uses.
func rolesOf(parts []Part) []Role {
	list := []Role{RoleEtcd, RoleMaster, RoleNode}
	for _, p := range parts {
		if user, ok := p.(RoleUser); ok {
			list = append(list, slices.DeleteFunc(slices.Clone(user.Roles()), func(r Role) bool { return slices.Contains(list, r) })...)
		}
	}
	return list
}

// extend puts what parts own into the language.
func extend(root *blockSpec, parts []Part) {
	for _, p := range parts {
		switch part := p.(type) {
		case Configured:
			for _, block := range specOf(part.Blocks()).Blocks {
				root.own(part.Name(), block)
			}
		case AddonKind:
			addon := specOf(part.Block())
			addon.Name, addon.Owner, addon.Many = "addon", part.Name(), part.Several()
			root.block("addon").choice(part.Name(), addon)
		}
	}
}

// own adds a block that somebody owns.
func (b *blockSpec) own(owner string, block *blockSpec) {
	block.Owner = owner
	switch place := b.block(block.Name); {
	case block.Name == "plugin":
		b.block("network").block("plugin").choice(owner, block)
	case block.Name == "host" || block.Name == "etcd":
		for _, a := range block.Attrs {
			a.Owner = owner
			place.Attrs = append(place.Attrs, a)
		}
		for _, inner := range block.Blocks {
			inner.Owner = owner
			place.Blocks = append(place.Blocks, inner)
		}
	case place != nil:
		panic("two owners of the block " + block.Name + ": " + owner + " is the second")
	default:
		b.Blocks = append(b.Blocks, block)
	}
}

func (b *blockSpec) choice(label string, block *blockSpec) {
	if b.Choices == nil {
		b.Choices = map[string]*blockSpec{}
	}
	b.Choices[label] = block
}
