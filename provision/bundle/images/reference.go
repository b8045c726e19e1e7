package images

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
)

// splitReference separates repository and tag; both must be given.
func splitReference(ref string) (repository, tag string, err error) {
	t, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return "", "", fmt.Errorf("reading the image reference: %w", err)
	}
	return t.Repository.Name(), t.TagStr(), nil
}
