package renewal_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/component/componenttest"
	"provision/provision/component/renewal"
	"provision/provision/inventory"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/file"
)

// layouts are clusters whose roles are spread in each way that there is.
func layouts() map[string]*component.Cluster {
	return map[string]*component.Cluster{
		"lab":    componenttest.Lab(),
		"single": componenttest.Single(),
		"etcd apart": componenttest.New("apart",
			componenttest.Host("e1", "10.40.3.1", inventory.RoleEtcd),
			componenttest.Host("m1", "10.40.3.11", inventory.RoleMaster),
			componenttest.Host("m2", "10.40.3.12", inventory.RoleMaster),
			componenttest.Host("n1", "10.40.3.21", inventory.RoleNode)),
		"no kubelet": componenttest.With(componenttest.Small(),
			componenttest.Host("s1", "10.40.2.31", "storage"),
			componenttest.Host("out", "10.40.2.41", inventory.RoleOutside)),
	}
}

func config(t *testing.T, cluster *component.Cluster, host inventory.Host) cert.Renewal {
	t.Helper()
	wanted, err := renewal.New(components.All()).Desired(cluster, host)
	require.NoError(t, err)
	var spec file.Spec
	require.NoError(t, json.Unmarshal(wanted[0].Spec, &spec))
	var config cert.Renewal
	require.NoError(t, json.Unmarshal([]byte(spec.Content), &config))
	return config
}

// holds are the authorities whose keys a host holds.
func holds(h inventory.Host) []string {
	var list []string
	if h.Has(inventory.RoleMaster) {
		list = append(list, pki.ClusterCA, pki.FrontProxyCA)
	}
	if h.Has(inventory.RoleEtcd) {
		list = append(list, pki.EtcdCA)
	}
	return list
}

// Whatever certificate a host has, in whatever layout: it signs it itself, or
// some other host's timer does for who asks.
func TestEveryCertificateIsRenewedBySomeTimer(t *testing.T) {
	for name, cluster := range layouts() {
		t.Run(name, func(t *testing.T) {
			served := map[string]bool{}
			for _, host := range cluster.Inventory.Hosts {
				assert.True(t, renewal.New(nil).Runs(cluster, host), host.Name)
				c := config(t, cluster, host)
				assert.Subset(t, holds(host), c.Serves, host.Name)
				for _, ca := range c.Serves {
					served[ca] = true
				}
			}
			for _, host := range cluster.Inventory.Hosts {
				c := config(t, cluster, host)
				assert.Equal(t, component.HostPair, c.Client)
				assert.True(t, slices.ContainsFunc(c.Certs, func(r resource.Resource) bool { return r.Address.Name == c.Client }), "%s renews its own access", host.Name)
				for _, r := range c.Certs {
					var want cert.Spec
					require.NoError(t, json.Unmarshal(r.Spec, &want))
					assert.True(t, slices.Contains(holds(host), want.CA) || served[want.CA] && cert.Signer(want.CA) != "", "nobody renews %s", r.Address)
				}
			}
		})
	}
}

// A host without kubelet has no balancer: it goes to the API servers.
func TestWhereHostsReachTheAPI(t *testing.T) {
	cluster := layouts()["etcd apart"]
	for name, apis := range map[string][]string{
		"e1": {"10.40.3.11:6443", "10.40.3.12:6443"}, "m1": {"127.0.0.1:7443"}, "n1": {"127.0.0.1:7443"},
	} {
		host, _ := cluster.Inventory.Host(name)
		c := config(t, cluster, host)
		assert.Equal(t, apis, c.APIs, name)
		assert.Equal(t, name == "m1", c.Local != "", name)
	}
}

// etcd hosts may sign where somebody needs it, and for etcd's authority only.
func TestWhoMaySign(t *testing.T) {
	for name, signers := range map[string][]string{"lab": nil, "single": nil, "no kubelet": nil, "etcd apart": {"e1"}} {
		w, err := renewal.New(nil).(component.Clusterwide).Clusterwide(layouts()[name])
		require.NoError(t, err)
		var text strings.Builder
		for _, r := range w.Resources {
			text.Write(r.Spec)
		}
		assert.Contains(t, text.String(), `"name":"system:node-bootstrapper"`, name)
		assert.NotContains(t, text.String(), cert.ClusterSigner, name)
		assert.Equal(t, len(signers), strings.Count(text.String(), `"kind":"User"`), name)
		for _, host := range signers {
			assert.Contains(t, text.String(), `"kind":"User","name":"`+pki.HostUser(host)+`"`)
			assert.Contains(t, text.String(), `"resourceNames":["`+cert.EtcdSigner+`"],"resources":["signers"],"verbs":["approve","sign"]`)
		}
	}
}

// A timer that was on the host before starts the service as soon as it is
// there itself.
func TestTheTimerStartsWhenTheCertificatesAreThere(t *testing.T) {
	for _, cluster := range layouts() {
		for _, host := range cluster.Inventory.Hosts {
			var certs []resource.Address
			for _, c := range components.All() {
				if c.Name() == "renewal" || !c.Runs(cluster, host) {
					continue
				}
				wanted, err := c.Desired(cluster, host)
				require.NoError(t, err)
				for _, r := range wanted {
					if r.Address.Kind == cert.Kind {
						certs = append(certs, r.Address)
					}
				}
			}
			require.NotEmpty(t, certs)
			wanted, err := renewal.New(components.All()).Desired(cluster, host)
			require.NoError(t, err)
			at := slices.IndexFunc(wanted, func(r resource.Resource) bool { return r.Address == component.UnitAt(host.Name, renewal.Timer) })
			require.GreaterOrEqual(t, at, 0)
			assert.Subset(t, wanted[at].Requires, certs)
		}
	}
}
