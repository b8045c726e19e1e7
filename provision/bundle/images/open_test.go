package images_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/images"
)

// pack writes files as a tar archive and returns its path.
func pack(t *testing.T, files map[string][]byte) string {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		require.NoError(t, tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data))}))
		_, err := tw.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, tw.Close())
	path := filepath.Join(t.TempDir(), "app.tar")
	require.NoError(t, os.WriteFile(path, buf.Bytes(), 0o600))
	return path
}

// ociArchive is what buildx and docker save of today write.
func ociArchive(t *testing.T) map[string][]byte {
	data, _ := archive(t, sample, "program")
	return unpack(t, data)
}

// savedArchive is what docker save wrote before, and podman save writes.
func savedArchive(t *testing.T) map[string][]byte {
	t.Helper()
	l := layer(t, "program")
	digest, err := l.Digest()
	require.NoError(t, err)
	r, err := l.Uncompressed()
	require.NoError(t, err)
	defer r.Close()
	var content bytes.Buffer
	_, err = content.ReadFrom(r)
	require.NoError(t, err)
	config, err := json.Marshal(v1.ConfigFile{OS: "linux", Architecture: "arm64", RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{digest}}, Config: v1.Config{Cmd: []string{"/coredns"}}})
	require.NoError(t, err)
	return map[string][]byte{
		"abc.json": config, "abc/layer.tar": content.Bytes(),
		"manifest.json": []byte(`[{"Config":"abc.json","RepoTags":["app:1","registry.example/app:2"],"Layers":["abc/layer.tar"]}]`),
	}
}

func names(list []images.Named) (out []string) {
	for _, n := range list {
		out = append(out, n.Reference)
	}
	return out
}

func TestOpen(t *testing.T) {
	oci := ociArchive(t)
	zipped := func(path string) string {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		var buf bytes.Buffer
		gz := gzip.NewWriter(&buf)
		_, err = gz.Write(data)
		require.NoError(t, err)
		require.NoError(t, gz.Close())
		require.NoError(t, os.WriteFile(path+".gz", buf.Bytes(), 0o600))
		return path + ".gz"
	}
	folder := t.TempDir()
	for name, data := range oci {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o600))
	}
	for name, tc := range map[string]struct {
		path, arch string
		names      []string
	}{
		"OCI archive": {pack(t, oci), "amd64", []string{sample.Reference}},
		"gzipped":     {zipped(pack(t, oci)), "amd64", []string{sample.Reference}},
		"OCI layout":  {folder, "amd64", []string{sample.Reference}},
		"docker save": {pack(t, savedArchive(t)), "arm64", []string{"docker.io/library/app:1", "registry.example/app:2"}},
		"its gzipped": {zipped(pack(t, savedArchive(t))), "arm64", []string{"docker.io/library/app:1", "registry.example/app:2"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, look := range []bool{true, false} {
				list, err := images.Open(tc.path, t.TempDir(), look)
				require.NoError(t, err)
				assert.Equal(t, tc.names, names(list))
				arches, err := images.Platforms(list[0].Root)
				require.NoError(t, err)
				assert.Equal(t, []string{tc.arch}, arches)
				require.NoError(t, images.Fits(list[0].Root, tc.arch))
				assert.ErrorContains(t, images.Fits(list[0].Root, "riscv64"), "it is for linux/"+tc.arch+", but the hosts are linux/riscv64")
				if look {
					continue
				}
				var once, again bytes.Buffer
				digest, err := images.Write(&once, list[0].Reference, tc.arch, list[0].Root)
				require.NoError(t, err)
				_, err = images.Write(&again, list[0].Reference, tc.arch, list[0].Root)
				require.NoError(t, err)
				assert.Equal(t, once.Bytes(), again.Bytes())
				files := unpack(t, once.Bytes())
				var top v1.IndexManifest
				require.NoError(t, json.Unmarshal(files["index.json"], &top))
				assert.Equal(t, digest, top.Manifests[0].Digest.String())
				assert.Equal(t, tc.names[0], top.Manifests[0].Annotations["io.containerd.image.name"])
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	change := func(files map[string][]byte, do func(map[string][]byte)) map[string][]byte { do(files); return files }
	text := filepath.Join(t.TempDir(), "notes.tar")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no archive\n", 100)), 0o600))
	cut := pack(t, ociArchive(t))
	require.NoError(t, os.Truncate(cut, 3000))
	for name, tc := range map[string]struct{ path, want string }{
		"missing":         {filepath.Join(t.TempDir(), "app.tar"), "no such file"},
		"no archive":      {text, "neither an archive of docker save nor an OCI layout"},
		"another archive": {pack(t, map[string][]byte{"README": []byte("x")}), "neither an archive of docker save nor an OCI layout"},
		"an empty folder": {t.TempDir(), "neither an archive of docker save nor an OCI layout"},
		"cut off":         {cut, "damaged or cut off"},
		"without a name": {pack(t, change(savedArchive(t), func(f map[string][]byte) {
			f["manifest.json"] = []byte(`[{"Config":"abc.json","Layers":["abc/layer.tar"]}]`)
		})), "does not say what its image is called"},
		"a damaged layer": {pack(t, change(savedArchive(t), func(f map[string][]byte) { f["abc/layer.tar"][5] ^= 1 })), "is damaged"},
		"another file": {pack(t, change(savedArchive(t), func(f map[string][]byte) {
			f["manifest.json"] = []byte(`[{"Config":"../../../../etc/passwd","RepoTags":["a:1"],"Layers":[]}]`)
		})), "escapes"},
		"a file outside": {pack(t, map[string][]byte{"../evil": []byte("x")}), "escapes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := images.Open(tc.path, t.TempDir(), false)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestDamagedLayoutIsNotPassedOn(t *testing.T) {
	files := ociArchive(t)
	for name, data := range files {
		if strings.HasPrefix(name, "blobs/") && len(data) > 1000 { // the layer
			data[600] ^= 1
		}
	}
	list, err := images.Open(pack(t, files), t.TempDir(), false)
	require.NoError(t, err)
	_, err = images.Write(&bytes.Buffer{}, list[0].Reference, "amd64", list[0].Root)
	assert.ErrorContains(t, err, "it is damaged")
}

// Of an index the archive holds the index itself, so that the digest is that of
// all platforms, and the layers of one.
func TestIndexKeepsItsDigest(t *testing.T) {
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		img := sample
		img.Arch = arch
		built, err := images.Build(img, layer(t, "program for "+arch))
		require.NoError(t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: built, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	want, err := index.Digest()
	require.NoError(t, err)
	for _, arch := range []string{"amd64", "arm64"} {
		var buf bytes.Buffer
		digest, err := images.Write(&buf, sample.Reference, arch, index)
		require.NoError(t, err)
		assert.Equal(t, want.String(), digest)
		assert.Contains(t, buf.String(), "program for "+arch)
		assert.Equal(t, 1, strings.Count(buf.String(), "program for "))
	}
	_, err = images.Write(&bytes.Buffer{}, sample.Reference, "riscv64", index)
	assert.ErrorContains(t, err, "no image for linux/riscv64")
}
