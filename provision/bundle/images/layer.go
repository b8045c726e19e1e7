package images

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layer is an uncompressed layer in a file: compressors differ from version to
// version, and so would digests.
type Layer struct {
	path   string
	digest v1.Hash
	size   int64
}

var _ v1.Layer = (*Layer)(nil)

func writeLayer(dir string, fill func(*tar.Writer) error) (*Layer, error) {
	f, err := os.CreateTemp(dir, "layer-*")
	if err != nil {
		return nil, fmt.Errorf("writing a layer: %w", err)
	}
	sum := sha256.New()
	tw := tar.NewWriter(io.MultiWriter(f, sum))
	if err := errors.Join(fill(tw), tw.Close()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("writing a layer: %w", err)
	}
	return &Layer{path: f.Name(), size: size, digest: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}}, nil
}

// Digest implements v1.Layer.
func (l *Layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID implements v1.Layer.
func (l *Layer) DiffID() (v1.Hash, error) { return l.digest, nil }

// Compressed implements v1.Layer.
func (l *Layer) Compressed() (io.ReadCloser, error) { return os.Open(l.path) }

// Uncompressed implements v1.Layer.
func (l *Layer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }

// Size implements v1.Layer.
func (l *Layer) Size() (int64, error) { return l.size, nil }

// MediaType implements v1.Layer.
func (l *Layer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }
