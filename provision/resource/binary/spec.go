package binary

import (
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Kind is the kind's name in addresses; the name of a resource is the path.
const Kind = "binary"

// Spec is a file whose content is a blob: hard-linked from the host's store
// where it can be, copied otherwise; replaced by rename, so that a running
// program keeps its old inode.
type Spec struct {
	SHA256 string      `json:"sha256"`
	Attr   system.Attr `json:"attr"`
	// Version is for people, in plans.
	Version string `json:"version,omitempty"`
}

// New wants an executable of root's.
func New(host, path, sha256, version string) resource.Resource {
	return resource.New(host, Kind, path,
		Spec{SHA256: sha256, Attr: system.Attr{Mode: 0o755}, Version: version}).WithBlobs(sha256)
}
