package coredns

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"

	"provision/addons/release"
	"provision/provision/component"
	"provision/provision/diag"
	"provision/provision/facts"
	"provision/provision/inventory"
)

var update = flag.Bool("update", false, "write golden files")

func cluster(hosts int) *component.Cluster {
	inv := &inventory.Inventory{}
	inv.Cluster.Versions = inventory.Versions{"coredns": "1.14.0"}
	inv.Network.DNSDomain = "cluster.local"
	inv.Network.DNSAddress = netip.MustParseAddr("10.96.0.10")
	known := map[string]facts.Host{}
	for i := range hosts {
		name := string(rune('a' + i))
		inv.Hosts = append(inv.Hosts, inventory.Host{Name: name, Roles: []inventory.Role{inventory.RoleNode}})
		known[name] = facts.Host{Arch: []string{"amd64", "arm64"}[i%2]}
	}
	return &component.Cluster{Inventory: inv, Facts: known}
}

func decode(t *testing.T, body string) (Config, diag.List) {
	t.Helper()
	text := "variable \"dns\" { default = \"10.0.0.3:5353\" }\nvariable \"key\" {\n  default = \"hunter2\"\n  sensitive = true\n}\ncluster \"c\" {}\n" +
		"host \"a\" {\n  address = \"192.0.2.1\"\n  roles = [\"etcd\", \"master\", \"node\"]\n}\naddon \"coredns\" {\n" + body + "\n}\n"
	inv, problems := inventory.Parse(t.Context(), map[string][]byte{"test.hcl": []byte(text)},
		inventory.Options{Parts: []inventory.Part{Addon{}}, Env: func(string) (string, bool) { return "", false }})
	if problems.HasErrors() {
		return Config{}, problems
	}
	return inv.Addons[0].Config.(Config), problems
}

func TestDecode(t *testing.T) {
	defaults, diagnostics := Addon{}.Decode(inventory.Nothing(Addon{}.Block()))
	require.Empty(t, diagnostics)
	assert.Equal(t, Config{Enabled: true, CacheSeconds: 30}, defaults)

	config, problems := decode(t, `
enabled = false
replicas = 3
cache_seconds = 0
upstream_servers = ["10.0.0.2", var.dns, "fd00::1", "/etc/resolv.conf"]`)
	require.NoError(t, problems.Err())
	assert.Equal(t, Config{Replicas: 3, Upstream: []string{"10.0.0.2", "10.0.0.3:5353", "fd00::1", "/etc/resolv.conf"}}, config)

	_, problems = decode(t, `upstream_servers = [var.key]`)
	require.True(t, problems.HasErrors())
	assert.Contains(t, problems[0].Summary, "Sensitive value not allowed here", "they stand in a ConfigMap")
	assert.NotContains(t, problems[0].Detail, "hunter2")
}

func TestDecodeReportsEveryProblem(t *testing.T) {
	_, problems := decode(t, "replicas = 0\ncache_seconds = -1\nupstream_servers = [\"dns.example.org\"]\nreplica = 2")
	require.Len(t, problems, 4)
	text := ""
	for _, p := range problems {
		assert.Equal(t, "test.hcl", p.Places[0].Range.Filename)
		text += p.Detail + "\n"
	}
	for _, part := range []string{"replicas", "cache_seconds", "dns.example.org", `"replica"`} {
		assert.Contains(t, text, part)
	}
	_, problems = decode(t, `replicas = "many"`)
	assert.True(t, problems.HasErrors())
}

func instance(config any) inventory.Addon {
	return inventory.Addon{Kind: Name, Name: Name, Config: config}
}

func one(t *testing.T, hosts int, config Config) release.Release {
	t.Helper()
	releases, err := Addon{}.Releases(cluster(hosts), instance(config))
	require.NoError(t, err)
	require.Len(t, releases, 1)
	return releases[0]
}

func TestReleases(t *testing.T) {
	wanted := one(t, 3, Config{Enabled: true})
	require.Len(t, wanted.Images, 1)
	assert.Equal(t, component.Image{Name: "image-coredns", Version: "1.14.0", Pods: pods()}, wanted.Images[0])
	assert.Equal(t, 2, wanted.Values["replicas"])
	assert.Equal(t, 1, one(t, 1, Config{Enabled: true}).Values["replicas"])
	assert.Equal(t, 5, one(t, 1, Config{Enabled: true, Replicas: 5}).Values["replicas"])

	none, err := Addon{}.Releases(cluster(3), instance(Config{}))
	require.NoError(t, err)
	assert.Empty(t, none)
	_, err = Addon{}.Releases(cluster(3), instance("no settings"))
	assert.Error(t, err)
}

// render runs Helm's engine without a cluster.
func render(t *testing.T, wanted release.Release) string {
	t.Helper()
	var files []*archive.BufferedFile
	for path, content := range wanted.Chart {
		files = append(files, &archive.BufferedFile{Name: path, Data: []byte(content)})
	}
	chart, err := loader.LoadFiles(files)
	require.NoError(t, err)
	options := common.ReleaseOptions{Name: wanted.Name, Namespace: wanted.Namespace, Revision: 1, IsInstall: true}
	values, err := util.ToRenderValues(chart, wanted.Values, options, common.DefaultCapabilities)
	require.NoError(t, err)
	rendered, err := engine.Render(chart, values)
	require.NoError(t, err)
	var text strings.Builder
	for _, name := range []string{"configmap", "rbac", "service", "deployment", "pdb"} {
		content := rendered["coredns/templates/"+name+".yaml"]
		for document := range strings.SplitSeq(content, "\n---\n") {
			var object map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(document), &object), document)
			if object != nil {
				text.WriteString("---\n" + strings.TrimSpace(document) + "\n")
			}
		}
	}
	return text.String()
}

func TestRendering(t *testing.T) {
	for name, tc := range map[string]struct {
		hosts  int
		config Config
	}{
		"default":  {3, Config{Enabled: true, CacheSeconds: 30}},
		"single":   {1, Config{Enabled: true, CacheSeconds: 30}},
		"upstream": {3, Config{Enabled: true, CacheSeconds: 0, Upstream: []string{"10.0.0.2", "10.0.0.3:5353"}}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".golden.yaml")
			got := render(t, one(t, tc.hosts, tc.config))
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

func TestPodsRollWhenTheCorefileChanges(t *testing.T) {
	first := render(t, one(t, 3, Config{Enabled: true, CacheSeconds: 30}))
	second := render(t, one(t, 3, Config{Enabled: true, CacheSeconds: 60}))
	checksum := func(text string) string {
		_, rest, _ := strings.Cut(text, "checksum/config: ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	require.Len(t, checksum(first), 64)
	assert.NotEqual(t, checksum(first), checksum(second))
}

// Images lie on the hosts that Pods allows: the chart must allow no others.
func TestImagesLieWhereTheChartLetsPodsRun(t *testing.T) {
	var deployment struct {
		Spec struct {
			Template struct {
				Spec struct {
					NodeSelector map[string]string
					Tolerations  []component.Toleration
				}
			}
		}
	}
	for document := range strings.SplitSeq(render(t, one(t, 3, Config{Enabled: true})), "---\n") {
		if strings.Contains(document, "kind: Deployment") {
			require.NoError(t, yaml.Unmarshal([]byte(document), &deployment))
		}
	}
	spec := deployment.Spec.Template.Spec
	assert.Equal(t, pods(), component.Pods{Selector: spec.NodeSelector, Tolerations: spec.Tolerations})
}
