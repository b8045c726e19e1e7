package inventory

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/diag"
)

// Image is an entry of images { load = … }: an archive or a reference.
type Image struct {
	// Archive is the file or folder, relative to the inventory file's folder as
	// written, so that it can be opened; "" for a reference.
	Archive string
	// Reference is the image's name in a registry; "" for an archive.
	Reference string
	Range     hcl.Range
}

func imagesSpec() *blockSpec {
	return &blockSpec{
		Name: "images", Doc: "Your own images, put on every Node; for sites without a registry.",
		Attrs: []attrSpec{{
			Name: "load", Kind: each("list of archives and references", checkImage),
			Doc: "What `provision bundle pull` takes and `apply` imports: archives as `docker save` writes them, OCI archives and OCI layouts (`./app.tar`, relative to this file), and references (`registry.example/app:1`), which are locked at the first pull.",
		}},
	}
}

// isArchive tells a path from a reference, whose first part is a registry.
func isArchive(s string) bool {
	for _, start := range []string{"./", "../", "/"} {
		if strings.HasPrefix(s, start) {
			return true
		}
	}
	return strings.HasSuffix(s, ".tar") || strings.HasSuffix(s, ".tar.gz") || strings.HasSuffix(s, ".tgz")
}

func checkImage(s string) error {
	if s == "" || strings.ContainsAny(s, " \t\n\x00") || strings.HasPrefix(s, "-") {
		return fmt.Errorf("%s is neither a path nor an image reference", quote(s))
	}
	return nil
}

func (l *loader) bindImages(n *node) []Image {
	var out []Image
	seen := map[string]bool{}
	at := n.where("load")
	for _, written := range n.list("load") {
		if seen[written] {
			l.report(diag.Errorf(at, "An image is given twice", "%s is in load twice; take one of them out.", quote(written)))
			continue
		}
		seen[written] = true
		image := Image{Reference: written, Range: at}
		if isArchive(written) {
			image.Archive, image.Reference = written, ""
			if !filepath.IsAbs(written) {
				image.Archive = filepath.Join(filepath.Dir(at.Filename), written)
			}
		}
		out = append(out, image)
	}
	return out
}
