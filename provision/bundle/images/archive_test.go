package images_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/images"
)

var sample = images.Image{
	Reference: "registry.k8s.io/coredns/coredns:v1.14.0", Arch: "amd64", Path: "coredns",
	User: "65532:65532", WorkingDir: "/", Ports: []string{"53/udp", "53/tcp"},
}

func archive(t *testing.T, img images.Image, program string) ([]byte, string) {
	t.Helper()
	built, err := images.Build(img, []byte(program))
	require.NoError(t, err)
	var buf bytes.Buffer
	manifest, err := images.Write(&buf, img, built)
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

func TestReferenceNeedsATag(t *testing.T) {
	img := sample
	img.Reference = "registry.k8s.io/pause"
	built, err := images.Build(img, []byte("x"))
	require.NoError(t, err)
	_, err = images.Write(io.Discard, img, built)
	assert.Error(t, err)
}
