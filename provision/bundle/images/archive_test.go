package images_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/images"
)

var sample = images.Image{
	Reference: "registry.k8s.io/coredns/coredns:v1.14.0", Arch: "amd64", Entrypoint: []string{"/coredns"},
	User: "65532:65532", WorkingDir: "/", Ports: []string{"53/udp", "53/tcp"},
}

// layer holds one program.
func layer(t *testing.T, program string) *images.Layer {
	t.Helper()
	tree, err := images.NewTree(t.TempDir())
	require.NoError(t, err)
	defer tree.Close()
	require.NoError(t, tree.AddFile("coredns", 0o755, strings.NewReader(program)))
	l, err := tree.Layer(t.TempDir())
	require.NoError(t, err)
	return l
}

func archive(t *testing.T, img images.Image, program string) ([]byte, string) {
	t.Helper()
	built, err := images.Build(img, layer(t, program))
	require.NoError(t, err)
	var buf bytes.Buffer
	manifest, err := images.Write(&buf, img.Reference, img.Arch, built)
	require.NoError(t, err)
	return buf.Bytes(), manifest
}

func unpack(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out[h.Name], err = io.ReadAll(tr)
		require.NoError(t, err)
	}
}

func TestSameProgramYieldsTheSameArchive(t *testing.T) {
	a, ma := archive(t, sample, "program")
	b, mb := archive(t, sample, "program")
	assert.Equal(t, ma, mb)
	assert.True(t, bytes.Equal(a, b))
	_, other := archive(t, sample, "another program")
	assert.NotEqual(t, ma, other)
}

func TestArchiveIsAnOCILayoutThatNamesTheImage(t *testing.T) {
	data, manifest := archive(t, sample, "program")
	files := unpack(t, data)
	assert.JSONEq(t, `{"imageLayoutVersion":"1.0.0"}`, string(files["oci-layout"]))
	var idx v1.IndexManifest
	require.NoError(t, json.Unmarshal(files["index.json"], &idx))
	require.Len(t, idx.Manifests, 1)
	d := idx.Manifests[0]
	assert.Equal(t, manifest, d.Digest.String())
	assert.Equal(t, sample.Reference, d.Annotations["io.containerd.image.name"])
	assert.Equal(t, "v1.14.0", d.Annotations["org.opencontainers.image.ref.name"])
	for name, blob := range files {
		if len(name) > 64 {
			sum := sha256.Sum256(blob)
			assert.Equal(t, name[len(name)-64:], hex.EncodeToString(sum[:]), name)
		}
	}
	var m v1.Manifest
	require.NoError(t, json.Unmarshal(files["blobs/sha256/"+d.Digest.Hex], &m))
	require.Len(t, m.Layers, 1)
	var cfg v1.ConfigFile
	require.NoError(t, json.Unmarshal(files["blobs/sha256/"+m.Config.Digest.Hex], &cfg))
	assert.Equal(t, []string{"/coredns"}, cfg.Config.Entrypoint)
	assert.Equal(t, "65532:65532", cfg.Config.User)
	assert.Equal(t, "amd64", cfg.Architecture)
	assert.Equal(t, []v1.Hash{m.Layers[0].Digest}, cfg.RootFS.DiffIDs, "layers are not compressed")
	layer := unpack(t, files["blobs/sha256/"+m.Layers[0].Digest.Hex])
	assert.Equal(t, "program", string(layer["coredns"]))
}

// The digest of this archive is that of every provision: images do not change
// because the code that packs them does.
func TestDigestsStay(t *testing.T) {
	data, manifest := archive(t, sample, "program")
	sum := sha256.Sum256(data)
	assert.Equal(t, "sha256:322b764c734447b06b6e656d1550fc9fa81918e771b121ffec1a5c2f527d2747", manifest)
	assert.Equal(t, "bdcf5a0f2e63ada1550e7c8936047d22f781f3d2c0849bee8a5ab597d8d15965", hex.EncodeToString(sum[:]))
}

func TestReferencesAreInFull(t *testing.T) {
	for ref, want := range map[string]string{
		"redis:7": "docker.io/library/redis:7", "apache/kafka:4.1.1": "docker.io/apache/kafka:4.1.1",
		"registry.example:5000/app:1":                             "registry.example:5000/app:1",
		"registry.example/app@sha256:" + strings.Repeat("ab", 32): "registry.example/app@sha256:" + strings.Repeat("ab", 32),
	} {
		got, err := images.Normal(ref)
		require.NoError(t, err, ref)
		assert.Equal(t, want, got)
	}
	for _, bad := range []string{"", "registry.k8s.io/pause", "registry.example:5000/app", "UPPER:1", "a b:1"} {
		_, err := images.Normal(bad)
		assert.Error(t, err, bad)
	}
	_, err := images.Write(io.Discard, "registry.k8s.io/pause", "amd64", empty.Image)
	assert.Error(t, err, "a name without a tag")
}
