package pull_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
)

var app = bundle.Ref{Name: "image-app", Version: "1", Arch: "amd64"}

// hub is a registry on loopback that stands in for registry.example.
func hub(t *testing.T) (*httptest.Server, pull.Options) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // no logins of whoever runs this
	return server, pull.Options{
		Lock: &lock.Lock{}, Repositories: map[string]string{"registry.example": server.URL},
		Catalogue: catalogue.Catalogue{{Name: "image-app", Format: bundle.OCI, Default: "1", Image: &catalogue.ImageSource{Reference: "registry.example/team/app:{version}"}}},
	}
}

// push puts a new image for each architecture under the tag.
func push(t *testing.T, server *httptest.Server, arches ...string) v1.Hash {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, arch := range arches {
		img, err := random.Image(1000, 2)
		require.NoError(t, err)
		cfg, err := img.ConfigFile()
		require.NoError(t, err)
		cfg.OS, cfg.Architecture = "linux", arch
		img, err = mutate.ConfigFile(img, cfg)
		require.NoError(t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://")+"/team/app:1", name.Insecure)
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(ref, index))
	digest, err := index.Digest()
	require.NoError(t, err)
	return digest
}

func pulled(t *testing.T, st *store.Store, ref bundle.Ref, opts pull.Options) (bundle.Artifact, error) {
	t.Helper()
	if err := pull.Pull(t.Context(), st, []bundle.Ref{ref}, opts, nil); err != nil {
		return bundle.Artifact{}, err
	}
	list, err := st.Resolve(ref)
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0], nil
}

func TestUpstreamImageIsLockedAtTheFirstPull(t *testing.T) {
	server, opts := hub(t)
	digest := push(t, server, "amd64", "arm64")
	st := open(t)
	first, err := pulled(t, st, app, opts)
	require.NoError(t, err)
	assert.Equal(t, "registry.example/team/app:1", first.Image, "its own name, not the mirror's")
	assert.Equal(t, digest.String(), first.Manifest, "the digest of all platforms")
	arm := app
	arm.Arch = "arm64"
	other, err := pulled(t, st, arm, opts)
	require.NoError(t, err)
	assert.Equal(t, digest.String(), other.Manifest)
	assert.NotEqual(t, first.SHA256, other.SHA256)

	own, err := lock.Load(st.Dir() + "/lock.json")
	require.NoError(t, err)
	moved := push(t, server, "amd64")
	require.NotEqual(t, digest, moved)
	opts.Lock = &own
	again, err := pulled(t, open(t), app, opts)
	require.NoError(t, err, "the tag moved: the locked digest is asked for")
	assert.Equal(t, first, again, "from another store")

	opts.Lock = &lock.Lock{}
	fresh, err := pulled(t, open(t), app, opts)
	require.NoError(t, err)
	assert.Equal(t, moved.String(), fresh.Manifest, "nothing is locked there")
}

func TestLockedImageFromElsewhereIsRefused(t *testing.T) {
	server, opts := hub(t)
	push(t, server, "amd64")
	st := open(t)
	_, err := pulled(t, st, app, opts)
	require.NoError(t, err)
	folder := t.TempDir() + "/bundle"
	require.NoError(t, st.Export(folder))
	opts.Lock = &lock.Lock{Outputs: map[string]lock.Output{"image registry.example/team/app:1 linux/amd64": {SHA256: strings.Repeat("0", 64)}}}
	opts.Bundle = folder
	var mismatch *lock.MismatchError
	_, err = pulled(t, open(t), app, opts)
	require.ErrorAs(t, err, &mismatch)
}

func TestUpstreamImageFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(t *testing.T, server *httptest.Server, opts *pull.Options)
		want   string
	}{
		"not there":        {func(*testing.T, *httptest.Server, *pull.Options) {}, "does not have"},
		"another platform": {func(t *testing.T, s *httptest.Server, _ *pull.Options) { push(t, s, "arm64", "riscv64") }, "it is for linux/arm64, linux/riscv64, but the hosts are linux/amd64"},
		"down":             {func(_ *testing.T, s *httptest.Server, _ *pull.Options) { s.Close() }, "connection refused"},
		"no upstream": {func(t *testing.T, s *httptest.Server, o *pull.Options) {
			push(t, s, "amd64")
			o.NoUpstream = true
		}, "no source is allowed"},
		"a login": {func(t *testing.T, _ *httptest.Server, o *pull.Options) {
			closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
			}))
			t.Cleanup(closed.Close)
			o.Repositories = map[string]string{"registry.example": closed.URL}
		}, "docker login"},
		"gone since it was locked": {func(t *testing.T, s *httptest.Server, o *pull.Options) {
			push(t, s, "amd64")
			o.Lock = &lock.Lock{Outputs: map[string]lock.Output{"image registry.example/team/app:1 linux/amd64": {SHA256: strings.Repeat("0", 64), Note: "sha256:" + strings.Repeat("ab", 32)}}}
		}, "does not have"},
	} {
		t.Run(name, func(t *testing.T) {
			server, opts := hub(t)
			tc.change(t, server, &opts)
			st := open(t)
			_, err := pulled(t, st, app, opts)
			require.ErrorContains(t, err, tc.want)
			_, err = st.Resolve(app)
			assert.Error(t, err)
		})
	}
}
