package debs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const printed = `Reading package lists...
Building dependency tree...
The following NEW packages will be installed:
  haproxy liblua5.3-0
'http://mirror.example.org/debian/pool/main/l/lua5.3/liblua5.3-0_5.3.6-2_amd64.deb' liblua5.3-0_5.3.6-2_amd64.deb 123440 SHA256:1111111111111111111111111111111111111111111111111111111111111111
'http://mirror.example.org/debian/pool/main/c/conntrack/conntrack_1.4.7-1%2bb2_amd64.deb' conntrack_1%3a1.4.7-1+b2_amd64.deb 33456 SHA256:2222222222222222222222222222222222222222222222222222222222222222
`

func TestParseURIs(t *testing.T) {
	list, err := parseURIs(printed)
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, Package{
		Name: "liblua5.3-0", Version: "5.3.6-2", Arch: "amd64", Size: 123440,
		URL:  "http://mirror.example.org/debian/pool/main/l/lua5.3/liblua5.3-0_5.3.6-2_amd64.deb",
		File: "liblua5.3-0_5.3.6-2_amd64.deb", SHA256: strings.Repeat("1", 64),
	}, list[0])
	assert.Equal(t, "1:1.4.7-1+b2", list[1].Version, "the epoch's colon is escaped in file names")
}

func TestParseURIsRefuses(t *testing.T) {
	sha := "SHA256:" + strings.Repeat("1", 64)
	for name, line := range map[string]string{
		"a weak hash":        `'http://x/a_1_amd64.deb' a_1_amd64.deb 10 MD5Sum:cc572ad76e4a09efe676dac20de6f2b2`,
		"no hash":            `'http://x/a_1_amd64.deb' a_1_amd64.deb 10`,
		"no size":            `'http://x/a_1_amd64.deb' a_1_amd64.deb ten ` + sha,
		"another folder":     `'http://x/a_1_amd64.deb' ../a_1_amd64.deb 10 ` + sha,
		"not a package":      `'http://x/a' a.txt 10 ` + sha,
		"a broken version":   `'http://x/a_1_amd64.deb' a_1%zz_amd64.deb 10 ` + sha,
		"no end of the URL ": `'http://x/a_1_amd64.deb a_1_amd64.deb 10 ` + sha,
	} {
		_, err := parseURIs(line)
		assert.Error(t, err, name)
	}
}

func FuzzParseURIs(f *testing.F) {
	f.Add(printed)
	f.Fuzz(func(t *testing.T, out string) {
		list, err := parseURIs(out)
		if err != nil {
			return
		}
		for _, p := range list {
			if strings.Contains(p.File, "/") || len(p.SHA256) != 64 {
				t.Fatalf("accepted %+v", p)
			}
		}
	})
}

func TestClosureLeavesOutWhatEveryHostHas(t *testing.T) {
	all := []Package{{Name: "libc6"}, {Name: "haproxy"}, {Name: "liblua5.3-0"}}
	got := without(all, []Package{{Name: "libc6"}, {Name: "bash"}})
	assert.Equal(t, []Package{{Name: "haproxy"}, {Name: "liblua5.3-0"}}, got)
}

func TestSourcesPreferTheOperatorsMirror(t *testing.T) {
	configured := parseTargets("http://mirror.example.org/debian/|bookworm|main\n" +
		"http://mirror.example.org/debian/|bookworm|contrib\n" +
		"http://other.example.org/sec/|bookworm-security|main\nhttp://third.example.org/|nodistro|main\nrubbish\n")
	require.Len(t, configured, 4)
	s, err := suiteOf("trixie")
	require.NoError(t, err)
	assert.Equal(t, []source{
		{URI: "http://mirror.example.org/debian", Suite: "trixie", Components: "main"},
		{URI: "http://ftp.debian.org/debian", Suite: "trixie-updates", Components: "main"},
		{URI: "http://other.example.org/sec", Suite: "trixie-security", Components: "main"},
	}, s.sources("amd64", configured))
	ubuntu, err := suiteOf("noble")
	require.NoError(t, err)
	for _, src := range ubuntu.sources("arm64", configured) {
		assert.Equal(t, "http://ports.ubuntu.com/ubuntu-ports", src.URI, "another distribution's mirror does not serve")
	}
}

func TestUnknownReleaseIsRefused(t *testing.T) {
	_, err := suiteOf("buster")
	assert.ErrorContains(t, err, "bookworm, trixie, jammy and noble")
}

func TestListTrustsOnlyTheDistributionsKeys(t *testing.T) {
	key := filepath.Join(t.TempDir(), "keys.gpg")
	s := suite{codename: "bookworm", keyring: key, keyringPackage: "debian-archive-keyring"}
	_, err := s.list(nil, "amd64")
	assert.ErrorContains(t, err, "install debian-archive-keyring")
	require.NoError(t, os.WriteFile(key, nil, 0o644))
	text, err := s.list([]source{{URI: "http://m", Suite: "bookworm", Components: "main"}}, "arm64")
	require.NoError(t, err)
	assert.Equal(t, "deb [arch=arm64 signed-by="+key+"] http://m bookworm main\n", text)
}

func TestTransportKeepsProxiesButNothingThatWeakensSignatures(t *testing.T) {
	got := transport(`Acquire::http::Proxy "http://proxy:3128";
Acquire::AllowInsecureRepositories "1";
Acquire::Check-Valid-Until "false";
APT::Get::AllowUnauthenticated "1";
Acquire::https::CAInfo "/etc/ssl/mirror.pem";
DPkg::Post-Invoke:: "rm -rf /";
`)
	assert.Equal(t, "Acquire::http::Proxy \"http://proxy:3128\";\nAcquire::Check-Valid-Until \"false\";\nAcquire::https::CAInfo \"/etc/ssl/mirror.pem\";\n", got)
}

func TestAptStateIsItsOwn(t *testing.T) {
	conf := aptConf("/cache/apt", "arm64")
	for _, own := range []string{"Dir::State::lists", "Dir::State::status", "Dir::Cache", "Dir::Etc::sourcelist"} {
		assert.Regexp(t, own+` "/cache/apt/`, conf)
	}
	for _, none := range []string{"Dir::Etc::parts", "Dir::Etc::sourceparts", "Dir::Etc::trustedparts", "Dir::Etc::preferencesparts"} {
		assert.Contains(t, conf, none+` "/dev/null";`)
	}
	assert.Contains(t, conf, `APT::Architectures { "arm64"; };`)
}

func TestKeyringOfThisMachineIsPreferredAndAFetchedOneReused(t *testing.T) {
	dir := t.TempDir()
	here := filepath.Join(t.TempDir(), "here.gpg")
	require.NoError(t, os.WriteFile(here, nil, 0o644))
	got, err := suite{keyring: here, distribution: "debian"}.findKeyring(t.Context(), dir, "amd64")
	require.NoError(t, err)
	assert.Equal(t, here, got)

	fetched := filepath.Join(dir, "keyring", "nowhere", "keys.gpg")
	require.NoError(t, os.MkdirAll(filepath.Dir(fetched), 0o755))
	require.NoError(t, os.WriteFile(fetched, nil, 0o644))
	got, err = suite{keyring: "/nowhere/keys.gpg", distribution: "debian"}.findKeyring(t.Context(), dir, "amd64")
	require.NoError(t, err)
	assert.Equal(t, fetched, got)
}
