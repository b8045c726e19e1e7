package rules

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// layer is a set of packages. They may import layers before their own; those of
// a layer with peers, each other too.
type layer struct {
	peers    bool
	packages []string // names, or path.Match patterns for those that are named nowhere
}

// layers, the lowest first: a package is in the first that names it.
var layers = []layer{
	{packages: []string{"provision/internal/names", "provision/internal/proc", "provision/internal/etcdlog"}}, // below all
	{packages: []string{ // contracts and leaves: nothing of ours
		"provision/bundle", "provision/bundle/images", "provision/bundle/lock", "provision/cluster", "provision/diag",
		"provision/facts", "provision/pki", "provision/resource", "provision/secret", "provision/internal/lease",
		"provision/internal/system", "provision/internal/agentbin", "provision/internal/killpoint", "provision/internal/ssh/hostkey", "provision/internal/ssh/shell", "provision/upgrade",
		"provision/resource/internal/textdiff", "network/plan", "network/routes",
	}},
	{packages: []string{"provision/etcd/backup", "provision/etcd/backup/calendar"}},
	{packages: []string{"provision/etcd/backup/keep", "provision/etcd/backup/seal", "provision/etcd/backup/target"}},
	{packages: []string{"provision/etcd/backup/catalog"}},
	{packages: []string{"provision/etcd/backup/config", "provision/etcd/backup/prove", "provision/etcd/backup/source",
		"provision/etcd/backup/target/local", "provision/etcd/backup/target/receiver", "provision/etcd/backup/target/s3", "provision/etcd/backup/target/sftp", "provision/etcd/backup/target/targettest"}},
	{packages: []string{"provision/etcd/backup/take", "provision/etcd/backup/target/open"}},
	{packages: []string{"provision/bundle/catalogue"}}, // the table of artifacts: inventories name its families
	{packages: []string{ // what speaks in those terms
		"provision/agent/scope", "provision/inventory", "provision/osfacts", "provision/event", "provision/agent/api", "provision/bundle/store",
		"provision/etcd", "provision/etcd/snapshot", "provision/kube", "provision/internal/system/systemfake",
		"provision/internal/ssh/sshtest", "provision/resource/internal/snapshot", "provision/resource/internal/manifest", "provision/resource/drain",
	}},
	{packages: []string{ // kinds, connections, sources of artifacts
		"provision/internal/ledger", "provision/agent/spares", "provision/internal/wire", "provision/internal/ssh", "provision/identity", "provision/removal",
		"provision/bundle/debs", "provision/bundle/gobuild", "provision/kube/helm", "provision/kube/kubetest", "provision/lab",
		"provision/resource/resourcetest",
		"provision/resource/*",
	}},
	{packages: []string{"provision/agent/hostfacts", "provision/agent/keys"}}, // parts of the agent
	{packages: []string{"provision/agent/measure"}},
	{packages: []string{"provision/agent/health"}},
	{packages: []string{ // the agent; the component contract
		"provision/resource/kinds", "provision/resource/clusterkinds", "provision/component", "provision/bundle/pull",
		"provision/agent", "provision/agent/blobs", "provision/agent/client",
	}},
	{packages: []string{"addons/release", "provision/agent/renewal"}},
	{packages: []string{"provision/etcd/backup/command", "provision/agent/command", "provision/trial", "provision/desired", "provision/signing", "provision/preflight", "provision/doctor", "provision/component/componenttest", "provision/ownimages", "addons"}},
	{peers: true, packages: []string{ // components and add-ons; they may name each other's units and files
		"provision/component/*", "network/*", "addons/*",
	}},
	{packages: []string{"provision/plan", "provision/safety", "provision/component/components", "addons/catalogue"}},
	{packages: []string{"provision/engine", "provision/report", "provision/clusterledger", "provision/parts"}},
	// The rooms of the façade: who takes part; keys and locks; the cluster's APIs;
	// verbs that only look.
	{packages: []string{"provision/fleet"}},
	{packages: []string{"provision/authority", "provision/backups", "provision/lock", "provision/examine", "provision/history", "provision/care"}},
	{packages: []string{"provision/access"}},
	{packages: []string{"provision/checkup"}},
	{packages: []string{"provision/status", "provision/support", "provision/survey"}},
	{packages: []string{"provision/run"}},
	{packages: []string{"provision/restore"}},
	{packages: []string{"provision", "provision/interview"}}, // the façade; questions
	{packages: []string{"provision/remote"}},
	{packages: []string{"provision/fleettest"}},
	{packages: []string{"test/faults", "test/terminal", "test/canary", "test/soak"}},
	{packages: []string{"cmd/provision/internal/cli"}},
	{packages: []string{"cmd/provision/internal/*"}},
	{packages: []string{"cmd/*", "test/*", "test/*/*"}},
}

// layerOf prefers a package's own name to a pattern.
func layerOf(folder string) int {
	for i, l := range layers {
		if slices.Contains(l.packages, folder) {
			return i
		}
	}
	for i, l := range layers {
		for _, pattern := range l.packages {
			if ok, _ := path.Match(pattern, folder); ok {
				return i
			}
		}
	}
	return -1
}

func TestImportsPointDownward(t *testing.T) {
	for folder, files := range folders(sources(t)) {
		own := layerOf(folder)
		if !assert.GreaterOrEqual(t, own, 0, "%s is in no layer: give it one in test/rules/imports_test.go", folder) {
			continue
		}
		for _, file := range files {
			for _, imported := range file.imports() {
				other := layerOf(imported)
				assert.True(t, other < own || other == own && layers[own].peers,
					"%s imports %s, which is not below it", file.path, imported)
			}
		}
	}
}

// What stays out of where, besides the layers.
var forbidden = []struct{ folder, pkg, why string }{
	{"provision/inventory", "net/http", "reading an inventory opens no connection"},
	{"provision/desired", "net", "it is pure"},
	{"provision/desired", "os", "it is pure"},
	{"provision/plan", "net", "it is pure"},
	{"provision/preflight", "net", "it is pure"},
	{"provision/preflight", "os", "it is pure"},
	{"provision/plan", "os", "it is pure"},
	{"provision/identity", "net", "it is pure"},
	{"provision/identity", "os", "it is pure"},
	{"provision/history", "net", "it is pure"},
	{"provision/history", "os", "it is pure"},
	{"provision/removal", "net", "it is pure"},
	{"provision/removal", "os", "it is pure"},
	{"provision/safety", "net", "it is pure"},
	{"provision/safety", "os", "it is pure"},
	{"provision/upgrade", "net", "it is pure"},
	{"provision/upgrade", "os", "it is pure"},
	{"provision/engine", "net", "it knows nothing of hosts"},
	{"provision/engine", "os", "it knows nothing of hosts"},
	{"provision/report", "net", "it only writes"},
	{"provision/report", "os", "it is given its output"},
	{"provision/resource", "os", "a contract does nothing"},
	{"network/plan", "os", "it is pure"},
	{"network/plan", "net", "it is pure"},
}

func TestPureFoldersStayPure(t *testing.T) {
	byFolder := folders(sources(t))
	for _, rule := range forbidden {
		assert.NotEmpty(t, byFolder[rule.folder], "the rule for %s has a folder", rule.folder)
		for _, file := range byFolder[rule.folder] {
			for _, spec := range file.file.Imports {
				name := strings.Trim(spec.Path.Value, `"`)
				assert.False(t, name == rule.pkg || strings.HasPrefix(name, rule.pkg+"/") && rule.pkg == "os",
					"%s imports %s: %s", file.path, name, rule.why)
			}
		}
	}
}

func TestOnlyCommandsHaveACommandLine(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasPrefix(s.folder, "cmd/") {
			continue
		}
		for _, spec := range s.file.Imports {
			assert.NotContains(t, spec.Path.Value, "spf13/cobra", "%s: only cmd/provision has a command line", s.path)
		}
		for _, imported := range s.imports() {
			assert.False(t, strings.HasPrefix(imported, "cmd/"), "%s imports a command", s.path)
		}
	}
}
