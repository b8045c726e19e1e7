package renewal_test

import (
	"crypto/x509"
	"encoding/json"
	"slices"
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

// What masters sign for hosts that ask is exactly what those hosts want: a
// certificate that a component gets later must be in pki's table.
func TestEveryCertificateOfAWorkerCanBeAskedFor(t *testing.T) {
	cluster := componenttest.Lab()
	c := renewal.New(components.All())
	for _, host := range cluster.Inventory.Hosts {
		wanted, err := c.Desired(cluster, host)
		require.NoError(t, err)
		var spec file.Spec
		require.NoError(t, json.Unmarshal(wanted[0].Spec, &spec))
		var config cert.Renewal
		require.NoError(t, json.Unmarshal([]byte(spec.Content), &config))
		assert.Equal(t, host.Name, config.Host)
		assert.Equal(t, host.Has(inventory.RoleMaster), config.Local != "")
		assert.NotEmpty(t, config.Client)
		assert.NotEmpty(t, config.Certs)
		if host.Has(inventory.RoleMaster) {
			continue
		}
		for _, r := range config.Certs {
			var want cert.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &want))
			assert.True(t, allowed(t, host, want) || host.Has(inventory.RoleEtcd) && want.CA == pki.EtcdCA, "%s", r.Address)
		}
	}
}

func allowed(t *testing.T, host inventory.Host, want cert.Spec) bool {
	t.Helper()
	if want.CA != pki.ClusterCA {
		return false
	}
	key, err := pki.NewKey(pki.Env{})
	require.NoError(t, err)
	der, err := pki.CSR(pki.Env{}, key, pki.Request{CommonName: want.CommonName, Organizations: want.Organizations, DNSNames: want.DNSNames, IPs: want.IPs})
	require.NoError(t, err)
	csr, err := x509.ParseCertificateRequest(der)
	require.NoError(t, err)
	return slices.ContainsFunc(pki.OfHost(host.Name, host.Address.String()), func(p pki.HostProfile) bool {
		return p.Allows(csr, want.Server, want.Client)
	})
}

// A timer that was on the host before starts the service as soon as it is
// there itself.
func TestTheTimerStartsWhenTheCertificatesAreThere(t *testing.T) {
	cluster := componenttest.Lab()
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
