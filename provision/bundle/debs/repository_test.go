package debs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// key signs repositories of these tests.
type key struct{ *openpgp.Entity }

func newKey(t *testing.T) key {
	t.Helper()
	entity, err := openpgp.NewEntity("test", "", "test@example.org", nil)
	require.NoError(t, err)
	return key{entity}
}

func (k key) public(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	w, err := armor.Encode(&buf, openpgp.PublicKeyType, nil)
	require.NoError(t, err)
	require.NoError(t, k.Serialize(w))
	require.NoError(t, w.Close())
	return buf.String() + "\n"
}

// deb builds a package with one file and returns its path below dir.
func deb(t *testing.T, dir, name, version, more string) string {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("no dpkg-deb here")
	}
	tree := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(tree, "DEBIAN"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(tree, "DEBIAN"), 0o755))
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: Test <test@example.org>\nDescription: test\n%s", name, version, more)
	require.NoError(t, os.WriteFile(filepath.Join(tree, "DEBIAN", "control"), []byte(control), 0o644))
	require.NoError(t, os.MkdirAll(filepath.Join(tree, "usr/share"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(tree, "usr/share", name), []byte(name+" "+version), 0o644))
	file := filepath.Join(dir, name+"_"+version+"_amd64.deb")
	out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", tree, file).CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

// publish serves packages as an apt repository of one suite, signed if by is
// given. Each package is "NAME VERSION" and further lines of its control file.
func publish(t *testing.T, suite, components string, by *key, packages ...string) string {
	t.Helper()
	root := t.TempDir()
	var index strings.Builder
	for _, p := range packages {
		head, more, _ := strings.Cut(p, "\n")
		name, version, _ := strings.Cut(head, " ")
		file := deb(t, root, name, version, more)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		fmt.Fprintf(&index, "Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: Test <test@example.org>\nDescription: test\n%sFilename: %s\nSize: %d\nSHA256: %x\n\n",
			name, version, more, filepath.Base(file), len(data), sha256.Sum256(data))
	}
	dist := filepath.Join(root, "dists", suite)
	require.NoError(t, os.MkdirAll(filepath.Join(dist, components, "binary-amd64"), 0o755))
	list := filepath.Join(components, "binary-amd64", "Packages")
	require.NoError(t, os.WriteFile(filepath.Join(dist, list), []byte(index.String()), 0o644))
	release := fmt.Sprintf("Origin: test\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: amd64\nComponents: %s\nSHA256:\n %x %d %s\n",
		suite, suite, time.Now().UTC().Format(time.RFC1123), components, sha256.Sum256([]byte(index.String())), index.Len(), list)
	require.NoError(t, os.WriteFile(filepath.Join(dist, "Release"), []byte(release), 0o644))
	if by != nil {
		var signed bytes.Buffer
		w, err := clearsign.Encode(&signed, by.PrivateKey, nil)
		require.NoError(t, err)
		_, err = w.Write([]byte(release))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.NoError(t, os.WriteFile(filepath.Join(dist, "InRelease"), signed.Bytes(), 0o644))
	}
	server := httptest.NewServer(http.FileServer(http.Dir(root)))
	t.Cleanup(server.Close)
	return server.URL
}

// distribution is a Debian of a few packages whose key is k.
func distribution(t *testing.T, k key, packages ...string) *Apt {
	t.Helper()
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("no apt-get here")
	}
	t.Setenv("no_proxy", "127.0.0.1")
	packages = append(packages, "base-files 12\nEssential: yes\nPriority: required\n")
	for _, name := range append([]string{"base-passwd", "netbase"}, minimalHost[2:]...) {
		packages = append(packages, name+" 1\n")
	}
	keyring := filepath.Join(t.TempDir(), "distribution.asc")
	require.NoError(t, os.WriteFile(keyring, []byte(k.public(t)), 0o644))
	return &Apt{
		dir: t.TempDir(), arch: "amd64", suite: suite{codename: "bookworm", keyring: keyring},
		sources: []source{{URI: publish(t, "bookworm", "main", &k, packages...), Suite: "bookworm", Components: "main"}},
	}
}

func packageNames(list []Package) (out []string) {
	for _, p := range list {
		out = append(out, p.Name+" "+p.Version)
	}
	return out
}

func TestClosureSpansASecondRepository(t *testing.T) {
	debian, vendor := newKey(t), newKey(t)
	a := distribution(t, debian, "liba 1\n", "ceph 16\n")
	a.more = &Repository{
		URI:   publish(t, "stable", "ceph", &vendor, "ceph 19\nDepends: liba, libceph\n", "libceph 19\n"),
		Suite: "stable", Components: "ceph", Key: vendor.public(t),
	}
	require.NoError(t, a.configure(t.Context()))
	list, err := a.Closure(t.Context(), "ceph")
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"ceph 19", "libceph 19", "liba 1"}, packageNames(list))
	dir := t.TempDir()
	require.NoError(t, a.Download(t.Context(), dir, list))
	for _, p := range list {
		control, err := Control(t.Context(), filepath.Join(dir, p.File))
		require.NoError(t, err)
		assert.Contains(t, control, "Package: "+p.Name)
	}
	root, err := a.Root(t.Context(), "ceph")
	require.NoError(t, err)
	assert.Equal(t, []string{"base-files 12", "base-passwd 1", "ceph 19", "liba 1", "libceph 19", "netbase 1"}, packageNames(root))
}

func TestRepositoriesOfOtherKeysAreRefused(t *testing.T) {
	debian, vendor, other := newKey(t), newKey(t), newKey(t)
	for name, tc := range map[string]struct {
		by     *key
		pinned key
		want   string
	}{
		"unsigned":               {nil, vendor, "is not signed"},
		"another key":            {&other, vendor, "is not signed"},
		"the distribution's key": {&debian, vendor, "is not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := distribution(t, debian)
			a.more = &Repository{URI: publish(t, "stable", "main", tc.by, "ceph 19\n"), Suite: "stable", Components: "main", Key: tc.pinned.public(t)}
			require.NoError(t, a.configure(t.Context()))
			_, err := a.Closure(t.Context(), "ceph")
			assert.ErrorContains(t, err, tc.want)
		})
	}
	t.Run("the vendor's key for the distribution", func(t *testing.T) {
		a := distribution(t, debian)
		a.sources[0].URI = publish(t, "bookworm", "main", &vendor, "base-files 12\n")
		a.more = &Repository{URI: publish(t, "stable", "main", &vendor, "ceph 19\n"), Suite: "stable", Components: "main", Key: vendor.public(t)}
		require.NoError(t, a.configure(t.Context()))
		_, err := a.Closure(t.Context(), "ceph")
		assert.ErrorContains(t, err, "is not signed")
	})
}
