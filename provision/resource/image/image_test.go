package image

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
)

const table = `REF TYPE DIGEST SIZE PLATFORMS LABELS
registry.k8s.io/pause:3.10.2 application/vnd.oci.image.manifest.v1+json sha256:ab 677.3 KiB linux/amd64 io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned
other:1 application/vnd.oci.image.manifest.v1+json sha256:cd 1.0 MiB linux/amd64 -
`

func TestParseList(t *testing.T) {
	assert.Equal(t, State{Manifest: "sha256:ab", Pinned: true}, parseList(table, "registry.k8s.io/pause:3.10.2"))
	assert.Equal(t, State{Manifest: "sha256:cd"}, parseList(table, "other:1"))
	assert.Equal(t, State{}, parseList(table, "missing:1"))
}

func FuzzParseList(f *testing.F) {
	f.Add(table, "other:1")
	f.Fuzz(func(t *testing.T, output, name string) {
		if state := parseList(output, name); state.Manifest == "" {
			assert.False(t, state.Pinned)
		}
	})
}

func TestWithoutContainerd(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	state, err := kind{}.Observe(t.Context(), host.System, "a:1", Spec{})
	require.NoError(t, err, "before containerd is installed the image is absent")
	assert.Empty(t, state)
	assert.ErrorContains(t, kind{}.Apply(t.Context(), host.System, "a:1", Spec{}), "containerd does not run")
}
