package image

import "provision/provision/resource"

// Kind is the kind's name in addresses; the name of a resource is the image's
// reference: registry.k8s.io/pause:3.10.2.
const Kind = "image"

// Spec is a container image imported into containerd (namespace k8s.io) from an
// OCI archive blob, pinned so that kubelet's garbage collection keeps it.
type Spec struct {
	SHA256 string `json:"sha256"` // of the OCI archive
	// Manifest is the digest of the image ("sha256:…") that containerd must
	// then list under the reference.
	Manifest string `json:"manifest"`
}

// New wants an image.
func New(host, reference, sha256, manifest string) resource.Resource {
	return resource.New(host, Kind, reference, Spec{SHA256: sha256, Manifest: manifest}).WithBlobs(sha256)
}
