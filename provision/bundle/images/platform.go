package images

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Platforms are the Linux architectures that an image or index holds, sorted.
func Platforms(root Root) ([]string, error) {
	var arches []string
	index, isIndex := root.(v1.ImageIndex)
	if !isIndex {
		image, ok := root.(v1.Image)
		if !ok {
			return nil, fmt.Errorf("%T is neither image nor index", root)
		}
		cfg, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		if cfg.OS == "linux" {
			arches = append(arches, cfg.Architecture)
		}
		return arches, nil
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range manifest.Manifests {
		if d.MediaType.IsImage() && d.Platform != nil && d.Platform.OS == "linux" && !slices.Contains(arches, d.Platform.Architecture) {
			arches = append(arches, d.Platform.Architecture)
		}
	}
	slices.Sort(arches)
	return arches, nil
}

// ImageFor is the image of an index for Linux on an architecture.
func ImageFor(index v1.ImageIndex, arch string) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range manifest.Manifests {
		if d.MediaType.IsImage() && d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == arch {
			return index.Image(d.Digest)
		}
	}
	return nil, fmt.Errorf("no image for linux/%s in it", arch)
}

// Fits refuses an image that hosts of the architecture cannot run.
func Fits(root Root, arch string) error {
	arches, err := Platforms(root)
	if err != nil || slices.Contains(arches, arch) {
		return err
	}
	if len(arches) == 0 {
		return fmt.Errorf("it holds no image for Linux")
	}
	return fmt.Errorf("it is for linux/%s, but the hosts are linux/%s; build it for their architecture", strings.Join(arches, ", linux/"), arch)
}
