package store

import (
	"time"

	"provision/provision/bundle"
)

// FormatVersion is the version of the records that this package writes.
const FormatVersion = 1

// Record says which blobs an artifact consists of and how they were obtained.
type Record struct {
	FormatVersion int               `json:"format_version"`
	Ref           bundle.Ref        `json:"ref"`
	Artifacts     []bundle.Artifact `json:"artifacts"`
	Provenance    Provenance        `json:"provenance"`
}

// Size is the number of bytes of all blobs of the record.
func (r Record) Size() int64 {
	var n int64
	for _, a := range r.Artifacts {
		n += a.Size
	}
	return n
}

// Provenance is where an artifact came from and what vouches for it.
type Provenance struct {
	// Source is one of build, upstream, mirror, bundle and apt.
	Source string `json:"source"`
	// Origin is the URL, folder or repository that delivered the bytes.
	Origin string `json:"origin,omitempty"`
	// VouchedBy names what the bytes were checked against.
	VouchedBy string `json:"vouched_by,omitempty"`
	// Inputs is the hash of everything that a build depends on.
	Inputs   string    `json:"inputs,omitempty"`
	Modules  []Module  `json:"modules,omitempty"`
	Package  string    `json:"package,omitempty"`
	Go       string    `json:"go,omitempty"`
	Compiler string    `json:"compiler,omitempty"`
	Flags    []string  `json:"flags,omitempty"`
	Date     time.Time `json:"date"`
}

// Module is a Go module that a build started from, with its checksum.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"`
	// Replaces is the path that this module stands in for, when another.
	Replaces string `json:"replaces,omitempty"`
}
