package image

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

// An image counts as there only when a line of its very name says so.
func TestDamagedTableOfImages(t *testing.T) {
	const name = "registry.k8s.io/pause:3.10.2"
	sample := []byte("REF TYPE DIGEST SIZE PLATFORMS LABELS\n" + name + " application/vnd.oci.image.index.v1+json sha256:" + strings.Repeat("ab", 32) + " 300.0 KiB linux/amd64 io.cri-containerd.pinned=pinned\nother:1 x sha256:cd 1 B linux/amd64 -\n")
	corrupt.Feed(t, 1, func(in []byte) bool {
		state := parseList(string(in), name)
		if state.Manifest == "" {
			assert.False(t, state.Pinned)
			return false
		}
		assert.True(t, strings.HasPrefix(state.Manifest, "sha256:"))
		assert.Contains(t, string(in), name)
		return true
	}, sample)
}
