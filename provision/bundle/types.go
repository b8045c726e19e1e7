package bundle

// Ref names an artifact: name, version and architecture (GOARCH).
type Ref struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
}

// String is NAME@VERSION/ARCH.
func (r Ref) String() string { return r.Name + "@" + r.Version + "/" + r.Arch }

// Format is what kind of bytes an artifact is.
type Format string

// The formats.
const (
	Binary  Format = "binary"  // one executable
	TarZstd Format = "tar.zst" // an archive of several files
	Deb     Format = "deb"     // an OS package
	OCI     Format = "oci"     // an OCI image archive (tar)
)

// Artifact is a verified blob of the store. A name may stand for several blobs
// (the .deb closure of a package): then Resolver returns them all.
type Artifact struct {
	Ref    Ref    `json:"ref"`
	File   string `json:"file"` // file name for people and for dpkg
	Format Format `json:"format"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	// Image is the reference of an OCI artifact: registry.k8s.io/pause:3.10.2
	Image string `json:"image,omitempty"`
	// Manifest is the digest of that image: sha256:…
	Manifest string `json:"manifest,omitempty"`
	// Package and PackageVersion are those of a .deb.
	Package        string `json:"package,omitempty"`
	PackageVersion string `json:"package_version,omitempty"`
}

// Resolver answers with artifacts that are in the store.
type Resolver interface {
	// Resolve returns the blobs of an artifact, or an error that names the
	// command which obtains it.
	Resolve(ref Ref) ([]Artifact, error)
}
