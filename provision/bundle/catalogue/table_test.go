package catalogue_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
)

func TestRowsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	cat := catalogue.Default()
	for _, e := range cat {
		t.Run(e.Name, func(t *testing.T) {
			assert.False(t, seen[e.Name], "twice")
			seen[e.Name] = true
			sources := 0
			for _, there := range []bool{e.Go != nil, e.Own != nil, e.Image != nil, e.Deb != nil} {
				if there {
					sources++
				}
			}
			assert.Equal(t, 1, sources, "exactly one way to make it")
			assert.Equal(t, e.Deb == nil, e.Default != "", "packages have the distribution's version")
			assert.NotEmpty(t, e.Format)
			ref := bundle.Ref{Name: e.Name, Version: e.Default, Arch: "arm64"}
			if e.Upstream != nil {
				checkUpstream(t, e.Upstream, ref)
			}
			if e.Go != nil {
				checkGo(t, e.Go, ref)
			}
			if e.Image != nil {
				checkImage(t, cat, e)
			}
			if e.Deb != nil && e.Deb.Repository != nil {
				checkRepository(t, *e.Deb.Repository)
			}
		})
	}
}

func checkImage(t *testing.T, cat catalogue.Catalogue, e catalogue.Entry) {
	ref := bundle.Ref{Name: e.Name, Version: e.Default, Arch: "arm64"}
	assert.Contains(t, catalogue.Expand(e.Image.Reference, ref), e.Default)
	assert.Empty(t, e.Image.Archive, "only operators have archives")
	if e.Image.Pulled() {
		return
	}
	assert.True(t, len(e.Image.Programs) > 0 || len(e.Image.Entrypoint) > 0, "something runs")
	for _, program := range e.Image.Programs {
		assert.NotEqual(t, program.C != nil, program.Binary != "", "one executable")
		if program.Binary != "" {
			row, err := cat.Find(program.Binary)
			require.NoError(t, err)
			assert.True(t, program.Version != "" || row.Own != nil || e.Default == row.Default, "the row's version")
		}
	}
	if e.Image.Root != nil && e.Image.Root.Repository != nil {
		checkRepository(t, *e.Image.Root.Repository)
	}
	if e.Image.Jars != nil {
		for _, c := range e.Image.Jars.Coordinates {
			_, err := catalogue.ParseCoordinate(catalogue.Expand(c, ref))
			assert.NoError(t, err)
		}
	}
}

func checkRepository(t *testing.T, r catalogue.Repository) {
	assert.NotEmpty(t, r.Name)
	assert.True(t, strings.HasPrefix(r.URI, "https://"), r.URI)
	assert.Contains(t, r.Key, "-----BEGIN PGP PUBLIC KEY BLOCK-----")
}

func checkUpstream(t *testing.T, u *catalogue.Upstream, ref bundle.Ref) {
	for _, s := range []string{u.URL, u.Checksum} {
		assert.True(t, strings.HasPrefix(s, "https://"), s)
	}
	assert.Contains(t, catalogue.Expand(u.URL, ref), ref.Version)
	for _, s := range []string{u.URL, u.Checksum, u.Member} {
		assert.NotContains(t, catalogue.Expand(s, ref), "{")
	}
}

func checkGo(t *testing.T, g *catalogue.GoSource, ref bundle.Ref) {
	assert.Equal(t, "v"+ref.Version, catalogue.Expand(g.Version, ref))
	assert.True(t, strings.HasPrefix(g.Package, g.Module), "the command is of the module")
	for _, s := range g.Stamps {
		assert.Contains(t, s, "=")
		assert.NotContains(t, catalogue.Expand(s, ref), "{")
		assert.NotContains(t, s, " ", "the linker's flags are split at spaces")
	}
}

func TestEveryArtifactThatComponentsNameHasARow(t *testing.T) {
	for _, name := range strings.Fields(`kubelet kube-apiserver kube-controller-manager kube-scheduler
		kube-proxy kubectl etcd etcdctl etcdutl containerd containerd-shim-runc-v2 ctr runc
		cni-bridge cni-host-local cni-loopback cni-portmap flanneld image-pause image-coredns
		deb-haproxy deb-nftables deb-chrony deb-kmod deb-conntrack`) {
		_, err := catalogue.Default().Find(name)
		assert.NoError(t, err)
	}
	_, err := catalogue.Default().Find("kubelt")
	assert.ErrorContains(t, err, `"kubelt"`)
}

func TestExpand(t *testing.T) {
	for _, c := range []struct{ version, in, want string }{
		{"1.37.1", "v{version}", "v1.37.1"},
		{"1.37.1", "v0.{minor}.{patch}", "v0.37.1"},
		{"1.38.0-rc.1", "{major}/{minor}/{patch}", "1/38/0"},
		{"2", "{major}.{minor}", "2."},
		{"1.0.0", "{arch}", "arm64"},
	} {
		assert.Equal(t, c.want, catalogue.Expand(c.in, bundle.Ref{Version: c.version, Arch: "arm64"}))
	}
}

func TestDefaultsNameWhatHostsAreSent(t *testing.T) {
	refs := catalogue.Default().Defaults("amd64", "trixie")
	assert.Contains(t, refs, bundle.Ref{Name: "deb-haproxy", Version: "trixie", Arch: "amd64"})
	assert.Contains(t, refs, bundle.Ref{Name: "etcd", Version: catalogue.Default().Version("etcd"), Arch: "amd64"})
	for _, r := range refs {
		assert.NotEqual(t, "coredns", r.Name, "an internal row")
	}
}

func TestCoordinates(t *testing.T) {
	for text, want := range map[string]string{
		"org.apache.kafka:kafka_2.13:4.1.0":    "org/apache/kafka/kafka_2.13/4.1.0/kafka_2.13-4.1.0.jar",
		"org.elasticsearch:server:7.17.9:zip":  "org/elasticsearch/server/7.17.9/server-7.17.9.zip",
		"io.netty:epoll:4.2.0:jar:linux-riscv": "io/netty/epoll/4.2.0/epoll-4.2.0-linux-riscv.jar",
	} {
		c, err := catalogue.ParseCoordinate(text)
		require.NoError(t, err)
		assert.Equal(t, want, c.Path())
		again, err := catalogue.ParseCoordinate(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, again)
	}
	for _, bad := range []string{"", "a:b", "a:b:", "a:b:1:jar:x:y", "a:../b:1", "a/b:c:1", "a:b:1 2", "a:b:1?x"} {
		_, err := catalogue.ParseCoordinate(bad)
		assert.Error(t, err, bad)
	}
}
