package survey

import (
	"io"

	"provision/provision/bundle"
)

// Store is where artifacts come from.
type Store interface {
	bundle.Resolver
	// OpenAt opens a verified blob at an offset.
	OpenAt(sha256 string, offset int64) (io.ReadCloser, error)
	// Size is that of a blob in bytes.
	Size(sha256 string) (int64, error)
	// Known are the artifacts that it has.
	Known() []bundle.Artifact
}
