package ownimages

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/images"
	"provision/provision/bundle/store"
	"provision/provision/component"
	"provision/provision/inventory"
)

// arches are the architectures that hosts may have.
func arches() []string { return []string{"amd64", "arm64"} }

// Rows are catalogue rows of the images that an inventory loads. An archive's
// version is that of its content, so that another content is another artifact.
func Rows(inv *inventory.Inventory) (catalogue.Catalogue, error) {
	var rows catalogue.Catalogue
	for _, img := range inv.Images {
		row := catalogue.Entry{Format: bundle.OCI, Image: &catalogue.ImageSource{Archive: img.Archive, Reference: img.Reference}}
		written := img.Reference
		if img.Archive != "" {
			written = filepath.Base(img.Archive)
			digest, err := digestOf(img.Archive)
			if err != nil {
				return nil, fmt.Errorf("cannot load images of %s: %w", img.Archive, err)
			}
			row.Default = digest[:12]
		} else {
			ref, err := images.Normal(img.Reference)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256([]byte(ref))
			row.Image.Reference, row.Default = ref, hex.EncodeToString(sum[:6])
		}
		row.Name = "image-" + word(written)
		rows = append(rows, row)
	}
	return rows, nil
}

// digestOf is the sha256 of an archive; of an OCI layout that of its index,
// which names everything else by digest.
func digestOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, "index.json")
	}
	digest, _, err := store.HashFile(path)
	return digest, err
}

// word makes a plain word of a path or reference, for names of artifacts.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, s)
}

// Images are the images of the rows, for every Node.
func Images(rows catalogue.Catalogue) []component.Image {
	var list []component.Image
	for _, row := range rows {
		list = append(list, component.Image{Name: row.Name, Version: row.Default, Pods: component.Pods{Tolerations: []component.Toleration{{}}}})
	}
	return list
}

// Check looks at what an inventory loads: references that can be pulled, and
// archives that are there, hold images and fit hosts. It reaches no registry.
func Check(inv *inventory.Inventory) hcl.Diagnostics {
	var found hcl.Diagnostics
	seen := map[string]string{}
	for _, img := range inv.Images {
		names, problem := look(img)
		for _, name := range names {
			if other := seen[name]; other != "" && problem == "" {
				problem = fmt.Sprintf("image %s is in %s too; load it once.", name, other)
			}
			seen[name] = img.Archive + img.Reference
		}
		if problem != "" {
			at := img.Range
			found = append(found, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Image cannot be loaded", Detail: problem, Subject: &at})
		}
	}
	return found
}

// look returns the names of the images of an entry, or what is wrong with it.
func look(img inventory.Image) (names []string, problem string) {
	if img.Archive == "" {
		ref, err := images.Normal(img.Reference)
		if err != nil {
			return nil, fmt.Sprintf("%q: %v. A reference is registry.example/app:1, a path begins with ./ or ends in .tar.", img.Reference, err)
		}
		return []string{ref}, ""
	}
	dir, err := os.MkdirTemp("", "provision-images-")
	if err != nil {
		return nil, err.Error()
	}
	defer os.RemoveAll(dir)
	list, err := images.Open(img.Archive, dir, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Sprintf("there is no %s; paths are relative to the inventory file.", img.Archive)
	case errors.Is(err, images.ErrNotImages):
		return nil, fmt.Sprintf("%s: %v; write it with docker save -o FILE REFERENCE.", img.Archive, err)
	case err != nil:
		return nil, fmt.Sprintf("%s: %v.", img.Archive, err)
	}
	for _, named := range list {
		names = append(names, named.Reference)
		has, err := images.Platforms(named.Root)
		if err != nil {
			return names, fmt.Sprintf("%s: image %s: %v.", img.Archive, named.Reference, err)
		}
		if !slices.ContainsFunc(has, func(arch string) bool { return slices.Contains(arches(), arch) }) {
			platforms := "no Linux"
			if len(has) > 0 {
				platforms = "linux/" + strings.Join(has, ", linux/")
			}
			return names, fmt.Sprintf("%s: image %s is for %s; hosts are linux/%s.", img.Archive, named.Reference, platforms, strings.Join(arches(), " or linux/"))
		}
	}
	return names, ""
}
