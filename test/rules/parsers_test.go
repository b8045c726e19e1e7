package rules

import (
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
)

// decoders are what reads foreign input, as far as one can tell from a name.
var decoders = map[string]bool{
	"json.Unmarshal": true, "json.NewDecoder": true, "yaml.Unmarshal": true, "pem.Decode": true,
	"x509.ParseCertificate": true, "tar.NewReader": true, "bufio.NewScanner": true, "hclsyntax.ParseConfig": true,
	"cluster.Decode": true,
}

// undamaged are packages that decode something and have no test that damages it,
// with the reason.
var undamaged = map[string]string{
	"provision":                            "what its own components wanted, or what other packages checked",
	"provision/fleettest":                  "a test's own data",
	"provision/resource":                   "specs of our own making, strictly; agent's TestDamagedRequests feeds them",
	"provision/resource/release":           "charts of add-ons, which the bundle's tests render",
	"provision/resource/drain":             "fed with resource/node's damaged Nodes",
	"provision/cluster":                    "its callers are fed: Decode is one of the decoders",
	"provision/component":                  "manifests that components have just written",
	"provision/component/judge":            "values of an inventory, which was read and checked",
	"provision/component/kubelet":          "what it has just written, of an inventory whose types were judged",
	"provision/component/renewal":          "specs that other components have just written",
	"provision/survey":                     "what its own components wanted, or what other packages checked",
	"provision/run":                        "what its own components wanted",
	"provision/access":                     "manifests of our own making; answers of an API server whose certificate was verified",
	"provision/support":                    "what its own components wanted",
	"provision/checkup":                    "what its own components wanted",
	"provision/signing":                    "specs that the plan has; TestHostsGetOnlyTheCertificatesOfTheirPlan feeds requests",
	"provision/secret":                     "a JSON string, or an error",
	"provision/kube":                       "answers of an API server whose certificate was verified, into single fields",
	"provision/kube/kubetest":              "a test's own data",
	"provision/etcd/backup/prove":          "output of the host's own etcdutl, into two numbers",
	"provision/bundle/gobuild":             "output of the Go command on this machine",
	"provision/internal/system/systemfake": "a test's own data",
	"cmd/provision":                        "a person's answers, line by line",
	"test/faults":                          "a test's own data",
	"test/soak":                            "results that are committed; a rule reads each",
	"test/e2e/testpod":                     "answers of the lab's own API server, whose certificate was verified",
}

func TestEveryParserIsFedWithDamage(t *testing.T) {
	list := sources(t)
	fed := map[string]bool{}
	for _, s := range list {
		if path.Base(s.path) == "corrupt_test.go" {
			fed[s.folder] = true
		}
	}
	for _, s := range list {
		if s.test || fed[s.folder] || undamaged[s.folder] != "" {
			continue
		}
		calls(s, func(pkg, name string, line int) {
			assert.False(t, decoders[pkg+"."+name], "%s:%d decodes: add a corrupt_test.go (see test/corrupt), or say in %s why not", s.path, line, "test/rules/parsers_test.go")
		})
	}
	for folder := range undamaged {
		assert.False(t, fed[folder], "%s has a corrupt_test.go by now", folder)
	}
}
