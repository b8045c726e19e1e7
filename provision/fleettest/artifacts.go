package fleettest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"provision/provision/bundle"
	"provision/provision/internal/system/systemfake"
)

// Artifacts is an operator's store in which every artifact exists: a line of
// text that the fake tools of the hosts understand.
type Artifacts struct {
	mu       sync.Mutex
	contents map[string][]byte // by sha256
	known    []bundle.Artifact
}

func newArtifacts() *Artifacts { return &Artifacts{contents: map[string][]byte{}} }

// Resolve implements bundle.Resolver.
func (s *Artifacts) Resolve(ref bundle.Ref) ([]bundle.Artifact, error) {
	if ref.Arch == "" || ref.Version == "" {
		return nil, fmt.Errorf("artifact %s lacks its version or architecture", ref)
	}
	found := bundle.Artifact{Ref: ref, Format: bundle.Binary}
	content := []byte(ref.String() + "\n")
	switch kind, name, _ := strings.Cut(ref.Name, "-"); kind {
	case "image":
		sum := sha256.Sum256(content)
		found.Format, found.Image = bundle.OCI, "registry.k8s.io/"+name+":"+ref.Version
		found.Manifest = "sha256:" + hex.EncodeToString(sum[:])
		content = systemfake.Archive(found.Image, found.Manifest)
	case "deb":
		found.Format, found.Package, found.PackageVersion = bundle.Deb, name, "1.0-1"
		found.File = name + "_1.0-1_" + ref.Arch + ".deb"
		content = systemfake.Deb(name, found.PackageVersion)
	}
	sum := sha256.Sum256(content)
	found.SHA256, found.Size = hex.EncodeToString(sum[:]), int64(len(content))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.contents[found.SHA256] == nil {
		s.known = append(s.known, found)
	}
	s.contents[found.SHA256] = content
	return []bundle.Artifact{found}, nil
}

// Known are the artifacts that were resolved so far.
func (s *Artifacts) Known() []bundle.Artifact {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.known)
}

func (s *Artifacts) content(sha string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.contents[sha]
	if !ok {
		return nil, fmt.Errorf("reading blob %s: it is not in the store", sha)
	}
	return content, nil
}

// OpenAt opens a blob at an offset.
func (s *Artifacts) OpenAt(sha string, offset int64) (io.ReadCloser, error) {
	content, err := s.content(sha)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(content[offset:])), nil
}

// Size is that of a blob in bytes.
func (s *Artifacts) Size(sha string) (int64, error) {
	content, err := s.content(sha)
	return int64(len(content)), err
}
