package images

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Normal is a reference as containerd knows it: with its registry, and with a
// tag or a digest, one of which must be given. "redis:7" is
// "docker.io/library/redis:7".
func Normal(ref string) (string, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("reading the image reference: %w", err)
	}
	if _, tagged := parsed.(name.Tag); tagged && !strings.HasSuffix(ref, ":"+parsed.Identifier()) {
		return "", fmt.Errorf("cannot use image reference %q: it has no tag; say which version is meant: %s:TAG", ref, ref)
	}
	return strings.Replace(parsed.Name(), name.DefaultRegistry+"/", "docker.io/", 1), nil
}

// tagOf is the tag of a reference in full, "" when it names a digest.
func tagOf(ref string) (string, error) {
	parsed, err := name.ParseReference(ref, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("reading the image reference: %w", err)
	}
	if tag, ok := parsed.(name.Tag); ok {
		return tag.TagStr(), nil
	}
	return "", nil
}
