package images

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image says how what is packed is run.
type Image struct {
	Reference  string // the name that containerd gives it
	Arch       string
	Entrypoint []string
	User       string
	WorkingDir string
	Ports      []string
	Env        []string // KEY=VALUE, beside PATH
}

// epoch stands where a date would make two builds differ.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// Build packs layers, the lowest first, as an image.
func Build(img Image, layers ...*Layer) (v1.Image, error) {
	out := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, layer := range layers {
		var err error
		out, err = mutate.Append(out, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: epoch()}, CreatedBy: "provision"}})
		if err != nil {
			return nil, fmt.Errorf("building image %s: %w", img.Reference, err)
		}
	}
	cfg, err := out.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("building image %s: %w", img.Reference, err)
	}
	cfg = cfg.DeepCopy()
	cfg.Architecture, cfg.OS, cfg.Created = img.Arch, "linux", v1.Time{Time: epoch()}
	cfg.Config = v1.Config{
		Entrypoint: img.Entrypoint, User: img.User, WorkingDir: img.WorkingDir,
		Env: append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, img.Env...),
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

// Root is an image, or an index of images for several platforms.
type Root interface {
	mutate.Appendable
	RawManifest() ([]byte, error)
}

// Write writes an image as an OCI archive whose name `ctr images import` and
// the CRI know, and returns the digest of its root. Of an index only what the
// architecture needs is in the archive.
func Write(w io.Writer, reference, arch string, root Root) (digest string, err error) {
	tw := tar.NewWriter(w)
	if digest, err = write(tw, reference, arch, root); err == nil {
		err = tw.Close()
	}
	if err != nil {
		return "", fmt.Errorf("writing image %s: %w", reference, err)
	}
	return digest, nil
}

func write(tw *tar.Writer, reference, arch string, root Root) (string, error) {
	digest, err := root.Digest()
	if err != nil {
		return "", err
	}
	top, err := topOf(reference, arch, root)
	if err != nil {
		return "", err
	}
	if err := writeEntry(tw, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return "", err
	}
	if err := writeEntry(tw, "index.json", top); err != nil {
		return "", err
	}
	image, isImage := root.(v1.Image)
	if index, isIndex := root.(v1.ImageIndex); isIndex {
		raw, err := index.RawManifest()
		if err != nil {
			return "", err
		}
		if err := writeRaw(tw, digest, raw); err != nil {
			return "", err
		}
		if image, err = ImageFor(index, arch); err != nil {
			return "", err
		}
	} else if !isImage {
		return "", fmt.Errorf("%T is neither image nor index", root)
	}
	return digest.String(), writeImage(tw, image)
}

// topOf is the index.json, which names the image.
func topOf(reference, arch string, root Root) ([]byte, error) {
	tag, err := tagOf(reference)
	if err != nil {
		return nil, err
	}
	media, err := root.MediaType()
	if err != nil {
		return nil, err
	}
	d := v1.Descriptor{MediaType: media, Annotations: map[string]string{"io.containerd.image.name": reference}}
	if tag != "" {
		d.Annotations["org.opencontainers.image.ref.name"] = tag
	}
	if media.IsImage() {
		d.Platform = &v1.Platform{OS: "linux", Architecture: arch}
	}
	idx := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: root, Descriptor: d}), types.OCIImageIndex)
	return idx.RawManifest()
}

func writeImage(tw *tar.Writer, image v1.Image) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	raw, err := image.RawManifest()
	if err != nil {
		return err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	if err := errors.Join(writeRaw(tw, digest, raw), writeRaw(tw, manifest.Config.Digest, config)); err != nil {
		return err
	}
	written := map[v1.Hash]bool{}
	for i, l := range layers {
		h := manifest.Layers[i].Digest
		if written[h] {
			continue
		}
		written[h] = true
		if err := writeBlob(tw, h, l); err != nil {
			return err
		}
	}
	return nil
}

// writeRaw writes a manifest or settings, if they are what their name says.
func writeRaw(tw *tar.Writer, want v1.Hash, raw []byte) error {
	got, _, err := v1.SHA256(bytes.NewReader(raw))
	if err == nil && got != want {
		err = damaged(want, got)
	}
	if err != nil {
		return err
	}
	return writeEntry(tw, blobName(want), raw)
}

// writeBlob copies a layer and compares it with its digest on the way.
func writeBlob(tw *tar.Writer, want v1.Hash, l v1.Layer) error {
	size, err := l.Size()
	if err != nil {
		return err
	}
	r, err := l.Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := tw.WriteHeader(header(blobName(want), size)); err != nil {
		return err
	}
	got, _, err := v1.SHA256(io.TeeReader(r, tw))
	if err == nil && got != want {
		err = damaged(want, got)
	}
	return err
}

func damaged(want, got v1.Hash) error {
	return fmt.Errorf("it is damaged: what should be %s hashes to %s", want, got)
}

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

func header(name string, size int64) *tar.Header {
	return &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, ModTime: epoch(), Format: tar.FormatUSTAR}
}

func writeEntry(tw *tar.Writer, name string, data []byte) error {
	if err := tw.WriteHeader(header(name, int64(len(data)))); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}
