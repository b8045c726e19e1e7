package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Named is an image with its name as containerd knows it.
type Named struct {
	Reference string
	Root      Root
}

// ErrNotImages says that a file is no archive of images.
var ErrNotImages = errors.New("it is neither an archive of docker save nor an OCI layout")

// Open reads the images of an archive that docker save, podman save, skopeo or
// buildx wrote (a tar file, gzipped or not), or of the folder of an OCI layout.
// An archive is unpacked into dir, which must last as long as the images; with
// look its large files are left out, and only names and platforms can be asked.
func Open(path, dir string, look bool) ([]Named, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		dir = path
	} else if err := unpack(path, dir, look); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err == nil {
		return openLayout(dir)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotImages
	}
	if err != nil {
		return nil, err
	}
	return openSaved(dir, manifest, look)
}

func openLayout(dir string) ([]Named, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotImages, err)
	}
	top, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotImages, err)
	}
	var list []Named
	for _, d := range top.Manifests {
		name := d.Annotations["io.containerd.image.name"]
		if name == "" {
			name = d.Annotations["org.opencontainers.image.ref.name"]
		}
		named := Named{}
		if named.Reference, err = nameIn(name); err != nil {
			return nil, err
		}
		if d.MediaType.IsIndex() {
			named.Root, err = index.ImageIndex(d.Digest)
		} else {
			named.Root, err = index.Image(d.Digest)
		}
		if err != nil {
			return nil, fmt.Errorf("reading image %s: %w", named.Reference, err)
		}
		list = append(list, named)
	}
	if len(list) == 0 {
		return nil, errors.New("it holds no image")
	}
	return list, nil
}

// nameIn refuses archives that do not say what their image is called in full.
func nameIn(written string) (string, error) {
	ref, err := Normal(written)
	if err != nil || !strings.ContainsAny(written, ":@") {
		return "", fmt.Errorf("it does not say what its image is called (%q); save it by its full name: docker save -o app.tar registry.example/app:1", written)
	}
	return ref, nil
}

// saved is an entry of manifest.json, which docker save wrote before it wrote
// OCI layouts, and podman save still writes.
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func openSaved(dir string, manifest []byte, look bool) ([]Named, error) {
	var entries []saved
	if err := json.Unmarshal(manifest, &entries); err != nil || len(entries) == 0 {
		return nil, ErrNotImages
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var list []Named
	for _, e := range entries {
		image, err := e.image(root, look)
		if err != nil {
			return nil, fmt.Errorf("reading image %s: %w", strings.Join(e.RepoTags, ", "), err)
		}
		if len(e.RepoTags) == 0 {
			e.RepoTags = []string{""}
		}
		for _, tag := range e.RepoTags {
			ref, err := nameIn(tag)
			if err != nil {
				return nil, err
			}
			list = append(list, Named{Reference: ref, Root: image})
		}
	}
	return list, nil
}

func (e saved) image(root *os.Root, look bool) (v1.Image, error) {
	raw, err := root.ReadFile(e.Config)
	if err != nil {
		return nil, err
	}
	var cfg v1.ConfigFile
	if err := json.Unmarshal(raw, &cfg); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Config, err)
	}
	out := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if look {
		return mutate.ConfigFile(out, &cfg)
	}
	if len(e.Layers) != len(cfg.RootFS.DiffIDs) {
		return nil, fmt.Errorf("%d layers, but its settings name %d", len(e.Layers), len(cfg.RootFS.DiffIDs))
	}
	for i, name := range e.Layers {
		layer, err := savedLayer(root, name)
		if err != nil {
			return nil, err
		}
		if layer.digest != cfg.RootFS.DiffIDs[i] {
			return nil, fmt.Errorf("layer %s is damaged: its bytes hash to %s, not %s; save the image again", name, layer.digest, cfg.RootFS.DiffIDs[i])
		}
		if out, err = mutate.AppendLayers(out, layer); err != nil {
			return nil, err
		}
	}
	return mutate.ConfigFile(out, &cfg)
}

func savedLayer(root *os.Root, name string) (*Layer, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	digest, size, err := v1.SHA256(f)
	return &Layer{path: filepath.Join(root.Name(), name), digest: digest, size: size}, err
}

// smallFile bounds what is unpacked only to look: manifests and settings.
const smallFile = 4 << 20

// maxArchive bounds what an archive may unpack to.
const maxArchive = 64 << 30

// unpack writes the files of a tar archive below dir, whatever their names say.
func unpack(path, dir string, look bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	tr, err := tarOf(f)
	if err != nil {
		return err
	}
	var total int64
	for files := 0; ; files++ {
		h, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && files == 0:
			return ErrNotImages
		case err != nil:
			return fmt.Errorf("it is damaged or cut off: %w", err)
		}
		if total += h.Size; total > maxArchive {
			return fmt.Errorf("it unpacks to more than %d GiB", maxArchive>>30)
		}
		if look && h.Size > smallFile {
			continue
		}
		if err := unpackEntry(root, h, tr); err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("it is damaged or cut off: %w", err)
			}
			return fmt.Errorf("unpacking %s: %w", h.Name, err)
		}
	}
}
