package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image says what to pack.
type Image struct {
	Reference  string // the name that containerd gives it
	Arch       string
	Path       string // of the executable, which is the entry point
	User       string
	WorkingDir string
	Ports      []string
}

// epoch stands where a date would make two builds differ.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// Build packs an executable as an image of one layer.
func Build(img Image, executable []byte) (v1.Image, error) {
	layer, err := layerOf(img.Path, executable)
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	out, err := mutate.Append(base, mutate.Addendum{
		Layer:   static.NewLayer(layer, types.OCIUncompressedLayer),
		History: v1.History{Created: v1.Time{Time: epoch()}, CreatedBy: "provision"},
	})
	if err != nil {
		return nil, fmt.Errorf("building image %s: %w", img.Reference, err)
	}
	cfg, err := out.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("building image %s: %w", img.Reference, err)
	}
	cfg = cfg.DeepCopy()
	cfg.Architecture, cfg.OS, cfg.Created = img.Arch, "linux", v1.Time{Time: epoch()}
	cfg.Config = v1.Config{
		Entrypoint: []string{"/" + img.Path}, User: img.User, WorkingDir: img.WorkingDir,
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
	for _, p := range img.Ports {
		if cfg.Config.ExposedPorts == nil {
			cfg.Config.ExposedPorts = map[string]struct{}{}
		}
		cfg.Config.ExposedPorts[p] = struct{}{}
	}
	out, err = mutate.ConfigFile(out, cfg)
	if err != nil {
		return nil, fmt.Errorf("building image %s: %w", img.Reference, err)
	}
	return out, nil
}

func layerOf(name string, executable []byte) ([]byte, error) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	if dir := path.Dir(name); dir != "." {
		if err := tw.WriteHeader(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: epoch()}); err != nil {
			return nil, fmt.Errorf("packing %s: %w", name, err)
		}
	}
	if err := writeEntry(tw, name, 0o755, executable); err != nil {
		return nil, err
	}
	if err := tw.Close(); err != nil {
		return nil, fmt.Errorf("packing %s: %w", name, err)
	}
	return buf.Bytes(), nil
}

func writeEntry(tw *tar.Writer, name string, mode int64, data []byte) error {
	h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(data)), ModTime: epoch(), Format: tar.FormatUSTAR}
	if err := tw.WriteHeader(h); err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	if _, err := tw.Write(data); err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	return nil
}

// Write writes an image as an OCI archive whose name `ctr images import` and
// the CRI know, and returns the digest of its manifest.
func Write(w io.Writer, img Image, built v1.Image) (manifest string, err error) {
	digest, err := built.Digest()
	if err != nil {
		return "", fmt.Errorf("writing image %s: %w", img.Reference, err)
	}
	index, err := indexOf(img, built)
	if err != nil {
		return "", err
	}
	tw := tar.NewWriter(w)
	if err := writeEntry(tw, "oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return "", err
	}
	if err := writeEntry(tw, "index.json", 0o644, index); err != nil {
		return "", err
	}
	if err := writeBlobs(tw, built); err != nil {
		return "", fmt.Errorf("writing image %s: %w", img.Reference, err)
	}
	if err := tw.Close(); err != nil {
		return "", fmt.Errorf("writing image %s: %w", img.Reference, err)
	}
	return digest.String(), nil
}

func indexOf(img Image, built v1.Image) ([]byte, error) {
	_, tag, err := splitReference(img.Reference)
	if err != nil {
		return nil, err
	}
	idx := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: built,
		Descriptor: v1.Descriptor{
			MediaType: types.OCIManifestSchema1,
			Platform:  &v1.Platform{OS: "linux", Architecture: img.Arch},
			Annotations: map[string]string{
				"io.containerd.image.name":          img.Reference,
				"org.opencontainers.image.ref.name": tag,
			},
		},
	}), types.OCIImageIndex)
	data, err := idx.RawManifest()
	if err != nil {
		return nil, fmt.Errorf("writing image %s: %w", img.Reference, err)
	}
	return data, nil
}

func writeBlobs(tw *tar.Writer, built v1.Image) error {
	manifest, err := built.RawManifest()
	if err != nil {
		return err
	}
	config, err := built.RawConfigFile()
	if err != nil {
		return err
	}
	layers, err := built.Layers()
	if err != nil {
		return err
	}
	blobs := [][]byte{manifest, config}
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		blobs = append(blobs, data)
	}
	for _, b := range blobs {
		h, _, err := v1.SHA256(bytes.NewReader(b))
		if err != nil {
			return err
		}
		if err := writeEntry(tw, "blobs/sha256/"+h.Hex, 0o644, b); err != nil {
			return err
		}
	}
	return nil
}
