package provision_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
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
	assert.Equal(t, []string{"apply", "--target", "n1"}, masked.Fix)
	require.Len(t, masked.Changed, 1)
	assert.Contains(t, masked.Changed[0], "/etc/kubernetes/kubelet.yaml")
}

// A service that hangs takes connections and never answers; one that was
// brought up and is stopped was started once.
func TestDoctorAndStatusNameWhatHangs(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	breakUnit(t, f, "n1", "kubelet.service", systemfake.Unit{})
	require.NoError(t, os.Chmod(filepath.Join(f.Host("m1").Root, "etc/kubernetes/pki/sa.key"), 0))
	t.Chdir(filepath.Join(f.Host("n1").Root, "run/containerd")) // the path of a socket is short
	require.NoError(t, os.Remove("containerd.sock"))
	deaf, err := net.Listen("unix", "containerd.sock")
	require.NoError(t, err)
	defer deaf.Close()

	o := f.Operator(inv)
	defer o.Close()
	d, err := o.Doctor(t.Context())
	require.NoError(t, err)
	byID := map[string]doctor.Finding{}
	for _, found := range d.Findings {
		byID[found.ID] = found
	}
	assert.Contains(t, byID, "n1/containerd.service/silent")
	assert.Equal(t, "it was stopped and disabled", byID["n1/kubelet.service/stopped"].Cause)
	assert.Contains(t, byID["m1/kube-apiserver.service/lost"].Cause, "mode is 0 instead of 0600")
	s, err := o.Status(t.Context())
	require.NoError(t, err)
	for _, h := range s.Hosts {
		for _, service := range h.Services {
			if service.Unit == "containerd.service" {
				assert.Equal(t, h.Name == "n1", service.State == "runs but does not answer", "%s: %s", h.Name, service.State)
			}
		}
	}
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
