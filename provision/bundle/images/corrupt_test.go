package images_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/images"
	"provision/test/corrupt"
)

// A damaged archive of somebody else gives an error, or images whose every blob
// is what its name says.
func TestDamagedArchives(t *testing.T) {
	dir := t.TempDir()
	oci, err := os.ReadFile(pack(t, ociArchive(t)))
	require.NoError(t, err)
	old, err := os.ReadFile(pack(t, savedArchive(t)))
	require.NoError(t, err)
	tally := corrupt.FeedN(t, 1, 500, func(in []byte) bool {
		work, err := os.MkdirTemp(dir, "")
		require.NoError(t, err)
		defer os.RemoveAll(work)
		path := filepath.Join(dir, "app.tar")
		require.NoError(t, os.WriteFile(path, in, 0o600))
		list, err := images.Open(path, work, false)
		if err != nil {
			return false
		}
		for _, named := range list {
			var out bytes.Buffer
			if _, err := images.Write(&out, named.Reference, "amd64", named.Root); err != nil {
				return false
			}
			for name, blob := range unpack(t, out.Bytes()) {
				if sum, _, _ := v1.SHA256(bytes.NewReader(blob)); filepath.Dir(name) == "blobs/sha256" {
					assert.Equal(t, filepath.Base(name), sum.Hex)
				}
			}
		}
		return true
	}, oci, old)
	assert.Positive(t, tally.Accepted)
	assert.Positive(t, tally.Rejected)
}

// A damaged package gives an error, or a layer that can be read.
func TestDamagedPackages(t *testing.T) {
	var sample bytes.Buffer
	_, err := sample.ReadFrom(files(t, reg("usr/bin/x"), reg("lib/y")))
	require.NoError(t, err)
	dir := t.TempDir()
	corrupt.FeedN(t, 2, 500, func(in []byte) bool {
		tree, err := images.NewTree(dir)
		require.NoError(t, err)
		defer tree.Close()
		if tree.AddTar(bytes.NewReader(in), nil) != nil {
			return false
		}
		layer, err := tree.Layer(dir)
		if err != nil {
			return false
		}
		names, _ := list(t, layer)
		data, err := json.Marshal(names)
		require.NoError(t, err)
		assert.NotContains(t, string(data), "../")
		return true
	}, sample.Bytes())
}
