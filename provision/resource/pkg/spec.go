package pkg

// Kind is the kind's name in addresses; the name of a resource is the name of
// the package that is wanted.
const Kind = "package"

// Spec is an OS package. With Debs it is installed from these blobs, which hold
// the package and its closure; those already installed in the same or a later
// version are passed over. Without, it comes from the host's own repositories.
type Spec struct {
	Debs []Deb `json:"debs,omitempty"`
	// NoStart keeps the package's own services from starting at installation
	// (policy-rc.d); ours are configured first.
	NoStart bool `json:"no_start,omitempty"`
	// Hold keeps others from upgrading or removing the package, as apt-mark hold
	// does: nothing but an apply changes its version, or restarts its services.
	// What it depends on is not held.
	Hold bool `json:"hold,omitempty"`
}

// Deb is a file of the closure.
type Deb struct {
	File    string `json:"file"` // haproxy_2.6.12-1+deb12u2_amd64.deb
	SHA256  string `json:"sha256"`
	Package string `json:"package"`
	Version string `json:"version"`
}
