package provision_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/component/components"
	"provision/provision/doctor"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system/systemfake"
	"provision/provision/support"
)

// breakUnit puts a unit of a host into a state.
func breakUnit(t *testing.T, f *fleettest.Fleet, host, unit string, state systemfake.Unit) {
	t.Helper()
	fake, err := systemfake.Open(f.Host(host).Root, systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, fake.Systemd.Set(unit, state))
}

func TestDoctorNamesServicesOfHosts(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	breakUnit(t, f, "m1", "etcd.service", systemfake.Unit{Enabled: true, Active: "failed"})
	breakUnit(t, f, "n1", "kubelet.service", systemfake.Unit{Masked: true})
	require.NoError(t, f.Host("n1").Write("/etc/kubernetes/kubelet.yaml", "garbage"))

	o := f.Operator(inv)
	defer o.Close()
	d, err := o.Doctor(t.Context())
	require.NoError(t, err)
	assert.False(t, d.Healthy)
	byID := map[string]doctor.Finding{}
	for _, found := range d.Findings {
		byID[found.ID] = found
	}
	require.Contains(t, byID, "m1/etcd.service/failed")
	masked := byID["n1/kubelet.service/masked"]
	assert.Equal(t, []string{"apply", "--target", "n1"}, masked.Mend)
	require.Len(t, masked.Changed, 1)
	assert.Contains(t, masked.Changed[0], "/etc/kubernetes/kubelet.yaml")
}

func TestDoctorOfHostsThatDoNotAnswer(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	for _, h := range inv.Hosts {
		f.Host(h.Name).Fail(sshtest.Refuse)
	}
	o := f.Operator(inv)
	defer o.Close()
	d, err := o.Doctor(t.Context())
	require.NoError(t, err)
	require.Len(t, d.Findings, len(inv.Hosts))
	for _, found := range d.Findings {
		assert.Equal(t, "unreachable", found.What)
	}
}

func TestSupportTakesWhatThereIs(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Host("n1").Fail(sshtest.Refuse)
	o := f.Operator(inv)
	defer o.Close()
	var out bytes.Buffer
	archive := support.New(&out, "s", time.Now(), support.NewMask())
	silent, err := o.Support(t.Context(), archive, 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"n1"}, silent)
	names, err := archive.Close()
	require.NoError(t, err)
	assert.Contains(t, names, "inventory.json")
	assert.Contains(t, names, "hosts/m1/ledger.json")
	assert.Contains(t, names, "hosts/n1/unreachable.error.txt")
	assert.Contains(t, names, "hosts/m1/files/etc/kubernetes/kubelet.yaml")
	for _, name := range names {
		assert.NotContains(t, name, ".key")
	}
}

func TestServicesAreToldByTheInventoryAlone(t *testing.T) {
	inv := load(t, "dc1", 1)
	services := provision.Services(inv, components.All(), "n1")
	for _, unit := range []string{"containerd.service", "kubelet.service", "flanneld.service", "haproxy.service"} {
		assert.Contains(t, services, unit)
	}
	assert.NotContains(t, services, "etcd.service")
	assert.Empty(t, provision.Services(inv, components.All(), "nobody"))
}
