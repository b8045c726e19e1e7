package ownimages_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/images"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/ownimages"
	"provision/provision/parts"
)

// save writes an archive of one image, as docker save of today does.
func save(t *testing.T, path, reference, arch, program string) {
	t.Helper()
	tree, err := images.NewTree(t.TempDir())
	require.NoError(t, err)
	defer tree.Close()
	require.NoError(t, tree.AddFile("app", 0o755, strings.NewReader(program)))
	layer, err := tree.Layer(t.TempDir())
	require.NoError(t, err)
	built, err := images.Build(images.Image{Reference: reference, Arch: arch}, layer)
	require.NoError(t, err)
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = images.Write(f, reference, arch, built)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// written is an inventory in a folder that loads images.
func written(t *testing.T, dir, load string) *inventory.Inventory {
	t.Helper()
	file := filepath.Join(dir, "dc.hcl")
	text := "cluster \"dc1\" {}\nhost \"m1\" {\n  address = \"10.0.0.1\"\n  roles = [\"etcd\", \"master\"]\n}\n" +
		"host \"n1\" {\n  address = \"10.0.0.2\"\n  roles = [\"node\"]\n  taints = [\"a=b:NoExecute\"]\n}\nimages {\n  load = [" + load + "]\n}\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	inv, problems := inventory.Load(context.Background(), inventory.Options{Parts: parts.All(), Paths: []string{file}})
	require.NotNil(t, inv, "%v", problems)
	return inv
}

func TestArchivesAndReferencesBecomeImagesOfEveryNode(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "app.tar"), "registry.example/app:1", "amd64", "one")
	inv := written(t, dir, `"./app.tar", "redis:7"`)
	require.Empty(t, ownimages.Check(inv))
	rows, err := ownimages.Rows(inv)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	assert.Equal(t, "docker.io/library/redis:7", rows[1].Image.Reference)
	c := &component.Cluster{Inventory: inv, Facts: map[string]facts.Host{"m1": {Arch: "amd64"}, "n1": {Arch: "amd64"}}, Images: ownimages.Images(rows)}
	for _, h := range inv.Hosts {
		assert.Len(t, c.ImagesOn(h), 2, "whatever its taints: %s", h.Name)
	}

	st, err := store.Open(store.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	ref := c.ImagesOn(inv.Hosts[0])[0]
	require.NoError(t, pull.Pull(t.Context(), st, []bundle.Ref{ref}, pull.Options{Catalogue: rows, Lock: &lock.Lock{}}, nil))
	list, err := st.Resolve(ref)
	require.NoError(t, err)
	assert.Equal(t, "registry.example/app:1", list[0].Image)
	arm := ref
	arm.Arch = "arm64"
	require.ErrorContains(t, pull.Pull(t.Context(), st, []bundle.Ref{arm}, pull.Options{Catalogue: rows, Lock: &lock.Lock{}}, nil), "it is for linux/amd64, but the hosts are linux/arm64")

	// The same archive elsewhere is the same artifact; another content another.
	other := t.TempDir()
	save(t, filepath.Join(other, "app.tar"), "registry.example/app:1", "amd64", "one")
	same, err := ownimages.Rows(written(t, other, `"./app.tar"`))
	require.NoError(t, err)
	assert.Equal(t, rows[0].Default, same[0].Default)
	save(t, filepath.Join(other, "app.tar"), "registry.example/app:1", "amd64", "two")
	changed, err := ownimages.Rows(written(t, other, `"./app.tar"`))
	require.NoError(t, err)
	assert.NotEqual(t, rows[0].Default, changed[0].Default)
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "app.tar"), "registry.example/app:1", "amd64", "x")
	save(t, filepath.Join(dir, "again.tar"), "registry.example/app:1", "amd64", "y")
	save(t, filepath.Join(dir, "riscv.tar"), "registry.example/app:2", "riscv64", "x")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.tar"), []byte("no archive"), 0o600))
	for load, want := range map[string]string{
		`"./nothere.tar"`:            "nothere.tar; paths are relative to the inventory file.",
		`"notes.tar"`:                "neither an archive of docker save nor an OCI layout",
		`"./riscv.tar"`:              "is for linux/riscv64; hosts are linux/amd64 or linux/arm64.",
		`"./app.tar", "./again.tar"`: "image registry.example/app:1 is in",
		`"registry.example/app"`:     "it has no tag",
	} {
		t.Run(load, func(t *testing.T) {
			found := ownimages.Check(written(t, dir, load))
			require.Len(t, found, 1)
			assert.Contains(t, found[0].Detail, want)
			assert.Equal(t, 12, found[0].Subject.Start.Line)
		})
	}
}
