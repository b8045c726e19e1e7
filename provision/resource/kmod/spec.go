package kmod

// Kind is the kind's name in addresses; the name of a resource is the module's.
const Kind = "kmod"

// Spec is a kernel module, loaded at once and at boot
// (/etc/modules-load.d/provision-<name>.conf). Built into the kernel counts as
// loaded (/sys/module/<name>, modules.builtin, or a feature probe).
type Spec struct {
	// CheckOnly fails where the module is missing instead of loading it.
	CheckOnly bool `json:"check_only,omitempty"`
	// Optional accepts a kernel that has no such module.
	Optional bool `json:"optional,omitempty"`
}
