package controlplane_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/controlplane"
	"provision/provision/component/etcd"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/resource/override"
)

func find(t *testing.T, c *component.Cluster, host, name string) resource.Resource {
	t.Helper()
	h, ok := c.Inventory.Host(host)
	require.True(t, ok)
	list, err := controlplane.New().Desired(c, h)
	require.NoError(t, err)
	for _, r := range list {
		if r.Address.Name == name && r.Address.Kind != override.Kind {
			return r
		}
	}
	require.Fail(t, "not wanted", name)
	return resource.Resource{}
}

func content(t *testing.T, c *component.Cluster, host, name string) string {
	t.Helper()
	var spec file.Spec
	require.NoError(t, json.Unmarshal(find(t, c, host, name).Spec, &spec))
	return spec.Content
}

const apiUnit = "/etc/systemd/system/kube-apiserver.service"

func apart() *component.Cluster {
	return componenttest.New("apart",
		componenttest.Host("e1", "10.40.3.1", inventory.RoleEtcd),
		componenttest.Host("e2", "10.40.3.2", inventory.RoleEtcd),
		componenttest.Host("e3", "10.40.3.3", inventory.RoleEtcd),
		componenttest.Host("m1", "10.40.3.11", inventory.RoleMaster),
		componenttest.Host("m2", "10.40.3.12", inventory.RoleMaster))
}

func etcdUnits(r resource.Resource) []string {
	var hosts []string
	for _, needed := range r.Requires {
		if needed.Name == etcd.Unit {
			hosts = append(hosts, needed.Host)
		}
	}
	return hosts
}

// One ready member tells that etcd has a leader; a host that did not answer
// must not hold anybody up.
func TestAPIServerWaitsForOneMember(t *testing.T) {
	lab := componenttest.Lab()
	for _, host := range []string{"m1", "m2", "m3"} {
		assert.Equal(t, []string{host}, etcdUnits(find(t, lab, host, controlplane.APIServer)))
	}
	c := apart()
	assert.Equal(t, []string{"e1"}, etcdUnits(find(t, c, "m1", controlplane.APIServer)))
	assert.Equal(t, []string{"e2"}, etcdUnits(find(t, c, "m2", controlplane.APIServer)))
	delete(c.Facts, "e2")
	assert.Equal(t, []string{"e3"}, etcdUnits(find(t, c, "m2", controlplane.APIServer)))
	delete(c.Facts, "e1")
	delete(c.Facts, "e3")
	assert.Empty(t, etcdUnits(find(t, c, "m2", controlplane.APIServer)))
}

func TestEveryMemberIsAnEndpoint(t *testing.T) {
	assert.Contains(t, content(t, apart(), "m1", apiUnit),
		"--etcd-servers=https://10.40.3.1:2379,https://10.40.3.2:2379,https://10.40.3.3:2379 ")
}

func TestNamesOfTheAPI(t *testing.T) {
	c := componenttest.Single()
	host := c.Inventory.Hosts[0]
	names, addresses := controlplane.Names(c, host)
	assert.Contains(t, names, "kubernetes.default.svc.cluster.local")
	assert.Equal(t, []string{"10.40.1.11", "127.0.0.1", "10.96.0.1"}, addresses)

	c.Inventory.Cluster.APIAddress = "api.example.org"
	names, addresses = controlplane.Names(c, host)
	assert.Contains(t, names, "api.example.org")
	assert.Len(t, addresses, 3)

	c.Inventory.Cluster.APIAddress = "10.40.9.9"
	names, addresses = controlplane.Names(c, host)
	assert.NotContains(t, names, "10.40.9.9")
	assert.Contains(t, addresses, "10.40.9.9")
}

func TestArgumentsOfTheInventoryWin(t *testing.T) {
	c := componenttest.Lab()
	c.Inventory.Kubernetes.APIServerArgs = map[string]string{"--goaway-chance": "0", "v": "4"}
	c.Inventory.Kubernetes.AuditLog = inventory.AuditLog{MaxAgeDays: 7, MaxBackups: 2, MaxSizeMB: 50}
	text := content(t, c, "m1", apiUnit)
	for _, flag := range []string{"--goaway-chance=0 ", "--v=4", "--audit-log-maxage=7 ", "--audit-log-maxbackup=2 ", "--audit-log-maxsize=50 "} {
		assert.Contains(t, text, flag)
	}
	assert.Equal(t, 1, strings.Count(text, "--goaway-chance"))
}

func TestAnonymousOnlyAsksForHealth(t *testing.T) {
	var config struct {
		Anonymous struct {
			Enabled    bool
			Conditions []struct{ Path string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(content(t, componenttest.Lab(), "m1", "/etc/kubernetes/authentication.yaml")), &config))
	assert.True(t, config.Anonymous.Enabled)
	var paths []string
	for _, condition := range config.Anonymous.Conditions {
		paths = append(paths, condition.Path)
	}
	assert.ElementsMatch(t, []string{"/livez", "/readyz", "/healthz"}, paths)
}

func TestSecretsNeverReachTheAuditLog(t *testing.T) {
	var policy struct {
		Rules []struct {
			Level     string
			Verbs     []string
			Users     []string
			Resources []struct{ Resources []string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(content(t, componenttest.Lab(), "m1", "/etc/kubernetes/audit-policy.yaml")), &policy))
	for _, rule := range policy.Rules {
		for _, group := range rule.Resources {
			for _, name := range group.Resources {
				if name == "secrets" && len(rule.Verbs) == 0 {
					assert.Equal(t, "Metadata", rule.Level)
					return // the first rule that fits decides
				}
			}
		}
		unconditional := len(rule.Verbs) == 0 && len(rule.Users) == 0 && len(rule.Resources) == 0
		require.False(t, unconditional && rule.Level != "None", "contents are recorded before secrets are excluded")
	}
	require.Fail(t, "no rule for secrets")
}

func TestObjectsAreNamedAsTheyAreApplied(t *testing.T) {
	w, err := controlplane.New().(component.Clusterwide).Clusterwide(componenttest.Lab())
	require.NoError(t, err)
	roles := map[string]string{}
	for _, r := range w.Resources {
		var object struct{ Object json.RawMessage }
		require.NoError(t, json.Unmarshal(r.Spec, &object))
		var parsed struct {
			Kind     string
			Metadata struct{ Name string }
			RoleRef  struct{ Name string }
			Subjects []struct{ Name string }
		}
		require.NoError(t, json.Unmarshal(object.Object, &parsed))
		assert.Equal(t, r.Address.Name, parsed.Kind+"/"+parsed.Metadata.Name)
		roles[parsed.Subjects[0].Name] = parsed.RoleRef.Name
	}
	assert.Equal(t, map[string]string{
		"provision:admins":              "cluster-admin",
		"kube-apiserver-kubelet-client": "system:kubelet-api-admin",
		"system:nodes":                  "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
	}, roles)
}
