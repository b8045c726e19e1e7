package pull_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
)

var tool = bundle.Ref{Name: "tool", Version: "1.2.0", Arch: "amd64"}

func open(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	return st
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func targz(t *testing.T, name, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	require.NoError(t, tw.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}))
	_, err := tw.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, tw.Close())
	require.NoError(t, gz.Close())
	return buf.Bytes()
}

// publisher serves files over TLS and counts requests; a file named in cut is
// broken off in the middle.
type publisher struct {
	*httptest.Server
	files map[string][]byte
	cut   string
	asked int
}

func publish(t *testing.T, files map[string][]byte) *publisher {
	p := &publisher{files: files}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked++
		data, ok := p.files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		if strings.HasSuffix(r.URL.Path, p.cut) && p.cut != "" {
			data = data[:len(data)/2]
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) options(member string) pull.Options {
	up := &catalogue.Upstream{URL: p.URL + "/v{version}/tool-{arch}.tgz", Checksum: p.URL + "/v{version}/SUMS", Member: member}
	return pull.Options{
		HTTP: p.Client(), Lock: &lock.Lock{}, NoBuild: true,
		Catalogue: catalogue.Catalogue{{Name: "tool", Format: bundle.Binary, Upstream: up}},
	}
}

func get(t *testing.T, st *store.Store, opts pull.Options) ([]pull.Event, error) {
	t.Helper()
	var events []pull.Event
	err := pull.Pull(t.Context(), st, []bundle.Ref{tool, tool}, opts, func(e pull.Event) { events = append(events, e) })
	return events, err
}

func content(t *testing.T, st *store.Store) string {
	t.Helper()
	list, err := st.Resolve(tool)
	require.NoError(t, err)
	path, err := st.Path(list[0].SHA256)
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func release(t *testing.T) (archive []byte, files map[string][]byte) {
	archive = targz(t, "./tool-1.2.0/tool", "program")
	return archive, map[string][]byte{
		"v1.2.0/tool-amd64.tgz": archive,
		"v1.2.0/SUMS":           []byte(sum([]byte("x")) + "  tool-arm64.tgz\n" + sum(archive) + "  tool-amd64.tgz\n"),
	}
}

func TestUpstreamIsCheckedLockedAndReused(t *testing.T) {
	archive, files := release(t)
	p, st := publish(t, files), open(t)
	events, err := get(t, st, p.options("tool-1.2.0/tool"))
	require.NoError(t, err)
	assert.Equal(t, "program", content(t, st))
	assert.Equal(t, pull.Stored, events[len(events)-1].Stage)
	rec, err := st.Record(tool)
	require.NoError(t, err)
	assert.Equal(t, "upstream", rec.Provenance.Source)
	assert.Equal(t, p.URL+"/v1.2.0/SUMS", rec.Provenance.VouchedBy)
	own, err := lock.Load(filepath.Join(st.Dir(), "lock.json"))
	require.NoError(t, err)
	assert.Equal(t, sum(archive), own.Outputs[p.URL+"/v1.2.0/tool-amd64.tgz"].SHA256)

	asked := p.asked
	events, err = get(t, st, p.options("tool-1.2.0/tool"))
	require.NoError(t, err)
	assert.Equal(t, asked, p.asked, "nothing is asked for what is there")
	assert.Equal(t, pull.Reused, events[0].Stage)
}

func TestUpstreamThatChangesWhatItPublishedIsRefused(t *testing.T) {
	_, files := release(t)
	p, st := publish(t, files), open(t)
	_, err := get(t, st, p.options("tool-1.2.0/tool"))
	require.NoError(t, err)
	list, err := st.Resolve(tool)
	require.NoError(t, err)
	require.NoError(t, st.Remove(list[0].SHA256))

	evil := targz(t, "tool-1.2.0/tool", "evil")
	p.files["v1.2.0/tool-amd64.tgz"], p.files["v1.2.0/SUMS"] = evil, []byte(sum(evil))
	_, err = get(t, st, p.options("tool-1.2.0/tool"))
	var mismatch *lock.MismatchError
	require.ErrorAs(t, err, &mismatch)
	_, err = st.Resolve(tool)
	assert.Error(t, err)
}

func TestUpstreamFailures(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *publisher)
		member string
		want   string
	}{
		"another digest than published": {func(p *publisher) { p.files["v1.2.0/SUMS"] = []byte(strings.Repeat("0", 64)) }, "tool-1.2.0/tool", "cannot use"},
		"no checksum of it":             {func(p *publisher) { p.files["v1.2.0/SUMS"] = []byte("abc  other\n") }, "tool-1.2.0/tool", "no sha256 of tool-amd64.tgz"},
		"no checksum file":              {func(p *publisher) { delete(p.files, "v1.2.0/SUMS") }, "tool-1.2.0/tool", "404"},
		"truncated":                     {func(p *publisher) { p.cut = "tgz" }, "tool-1.2.0/tool", "unexpected EOF"},
		"no such file in the archive":   {func(*publisher) {}, "other", "no other in the archive"},
		"host down":                     {func(p *publisher) { p.Close() }, "tool-1.2.0/tool", "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			_, files := release(t)
			p, st := publish(t, files), open(t)
			c.change(p)
			events, err := get(t, st, p.options(c.member))
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, tool.String())
			assert.Equal(t, pull.Failed, events[len(events)-1].Stage)
			blobs, err := os.ReadDir(filepath.Join(st.Dir(), "blobs"))
			require.NoError(t, err)
			assert.Empty(t, blobs)
			left, err := os.ReadDir(filepath.Join(st.Dir(), "tmp"))
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

func TestHostThatDoesNotAnswerIsAskedOnce(t *testing.T) {
	p, st := publish(t, nil), open(t)
	opts := p.options("x")
	p.Close()
	dials := 0
	opts.HTTP = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		dials++
		return nil, fmt.Errorf("connection refused")
	})}
	other := tool
	other.Version = "1.3.0"
	err := pull.Pull(t.Context(), st, []bundle.Ref{tool, other}, opts, nil)
	require.ErrorContains(t, err, "1.2.0")
	require.ErrorContains(t, err, "1.3.0", "one failure does not keep the others from being tried")
	assert.Equal(t, 1, dials)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCorruptBlobIsObtainedAgain(t *testing.T) {
	_, files := release(t)
	p, st := publish(t, files), open(t)
	_, err := get(t, st, p.options("tool-1.2.0/tool"))
	require.NoError(t, err)
	list, err := st.Resolve(tool)
	require.NoError(t, err)
	path, err := st.Path(list[0].SHA256)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, os.WriteFile(path, []byte("rotten!"), 0o644))
	_, err = get(t, st, p.options("tool-1.2.0/tool"))
	require.NoError(t, err)
	assert.Equal(t, "program", content(t, st))
}

func TestCancelledPullStopsAndLeavesNothing(t *testing.T) {
	_, files := release(t)
	p, st := publish(t, files), open(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := pull.Pull(ctx, st, []bundle.Ref{tool}, p.options("tool-1.2.0/tool"), func(e pull.Event) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	_, err = st.Resolve(tool)
	assert.Error(t, err)
}

func TestUnknownArtifactNamesTheCatalogue(t *testing.T) {
	err := pull.Pull(t.Context(), open(t), []bundle.Ref{{Name: "nosuch", Version: "1", Arch: "amd64"}}, pull.Options{Lock: &lock.Lock{}}, nil)
	assert.ErrorContains(t, err, `"nosuch"`)
}

func TestQuickArtifactsComeFirst(t *testing.T) {
	opts := pull.Options{Lock: &lock.Lock{}, NoBuild: true, NoUpstream: true, Catalogue: catalogue.Catalogue{
		{Name: "tool", Go: &catalogue.GoSource{}},
		{Name: "deb-x", Deb: &catalogue.DebSource{Packages: []string{"x"}}},
	}}
	var order []string
	refs := []bundle.Ref{tool, {Name: "deb-x", Version: "nosuch", Arch: "amd64"}}
	err := pull.Pull(t.Context(), open(t), refs, opts, func(e pull.Event) {
		if e.Stage == pull.Failed {
			order = append(order, fmt.Sprint(e.Index, "/", e.Count, " ", e.Ref.Name))
		}
	})
	require.Error(t, err)
	assert.Equal(t, []string{"1/2 deb-x", "2/2 tool"}, order)
}
