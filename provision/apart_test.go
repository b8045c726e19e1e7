package provision_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/pki"
	"provision/provision/plan"
)

// apart is a cluster whose etcd has hosts of its own: three, or as many.
func apart(t *testing.T, members int) *inventory.Inventory {
	t.Helper()
	text := `cluster "dc2" { version = "1.37.1" }
ssh { user = "root" }
network {
  pods     = "10.32.0.0/12"
  services = "10.96.0.0/16"
}
host "m1" {
  address = "10.200.0.11"
  roles   = ["master"]
}
host "n1" {
  address = "10.200.1.1"
  roles   = ["node"]
}
`
	for i := 1; i <= members; i++ {
		text += fmt.Sprintf("host \"e%d\" {\n  address = \"10.200.2.%d\"\n  roles = [\"etcd\"]\n}\n", i, i)
	}
	file := filepath.Join(t.TempDir(), "inventory.hcl")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	inv, problems := inventory.Load(t.Context(), inventory.Options{Paths: []string{file}})
	require.NoError(t, problems.Err())
	return inv
}

// grownApart is such a cluster, with a clock.
func grownApart(t *testing.T) (*fleettest.Fleet, *inventory.Inventory, *clock) {
	t.Helper()
	c := &clock{now: time.Now()}
	inv := apart(t, 3)
	f := boot(t, inv, fleettest.Options{Now: c.time})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.SetEtcdIDs(map[string]uint64{"e1": 0xe7cd, "e2": 0xe7cd, "e3": 0xe7cd})
	return f, inv, c
}

// timers runs the services of hosts' renewal timers, those of hosts that sign
// for others again and again, until each host had what it asked for.
func timers(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all, waiting sync.WaitGroup
	waiting.Add(len(inv.Hosts))
	served := make(chan struct{})
	for _, h := range inv.Hosts {
		say := func(format string, args ...any) { t.Logf(h.Name+": "+format, args...) }
		all.Go(func() {
			assert.NoError(t, f.Host(h.Name).Renew(ctx, say), h.Name)
			waiting.Done()
			for h.Keeper() && ctx.Err() == nil {
				select {
				case <-served:
					return
				case <-time.After(20 * time.Millisecond):
					assert.NoError(t, f.Host(h.Name).Renew(ctx, say), h.Name)
				}
			}
		})
	}
	waiting.Wait()
	close(served)
	all.Wait()
}

// Nobody comes by for a year: each host has what it needs, whoever holds the key
// for it.
func TestHostsOfEveryRoleRenewTheirCertificates(t *testing.T) {
	f, inv, c := grownApart(t)
	before := map[string]string{}
	for _, one := range certificates(t, f, inv).Certificates {
		if one.Path != "" && one.Renews != provision.ByKubelet {
			assert.Equal(t, provision.ByTimer, one.Renews, "%s on %s", one.Path, one.Host)
			before[one.Host+one.Path] = f.Host(one.Host).Read(one.Path)
		}
	}
	for _, name := range []string{"e1/etc/etcd/pki/server.crt", "e1/etc/kubernetes/pki/host.pem", "m1/etc/kubernetes/pki/apiserver-etcd-client.crt"} {
		require.Contains(t, before, name)
	}
	c.pass(230) // due for timers, and not for a plan yet
	p, err := look(t, f, inv)
	require.NoError(t, err)
	require.True(t, p.Empty(), "%v", p.Steps)
	closing, err := f.ServeRequests("m1")
	require.NoError(t, err)
	defer closing()
	timers(t, f, inv)
	after := certificates(t, f, inv)
	assert.True(t, after.Sound())
	for _, one := range after.Certificates {
		if was, ok := before[one.Host+one.Path]; ok {
			assert.NotEqual(t, was, f.Host(one.Host).Read(one.Path), "%s on %s", one.Path, one.Host)
			assert.Equal(t, 364, one.DaysLeft, "%s on %s", one.Path, one.Host)
		}
	}
	p, err = look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%v", p.Steps)
}

// Whoever has the access of an etcd host may ask for what that host has, and
// sign for etcd's authority.
func TestAnEtcdHostSignsForNobodyElse(t *testing.T) {
	f, _, _ := grownApart(t)
	raw := f.Host("e1").Read("/etc/kubernetes/pki/host.pem")
	own, err := pki.ParseCert([]byte(raw))
	require.NoError(t, err)
	assert.Equal(t, "provision:host:e1", own.Subject.CommonName)
	assert.Equal(t, []string{"provision:hosts"}, own.Subject.Organization)
	assert.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, own.ExtKeyUsage)
	for _, item := range []string{system.ClusterKey, system.FrontProxyKey, system.ServiceKey, system.Encryption} {
		assert.Empty(t, heldItem(f, "e1", item), item)
	}
	assert.Empty(t, heldItem(f, "m1", system.EtcdKey))
	assert.Subset(t, f.API.Names("ClusterRoleBinding"), []string{"provision:hosts", "provision:etcd-signer"})
}

func TestRotationsWhereEtcdIsApart(t *testing.T) {
	f, inv, _ := grownApart(t)
	for _, name := range []string{"etcd", "cluster", "encryption"} {
		was := f.Host("e1").Read("/etc/etcd/pki/server.crt") + f.Host("e1").Read("/etc/kubernetes/pki/host.pem")
		done, err := rotate(t, f, inv, provision.Rotation{Name: name, Hurry: true})
		require.NoError(t, err, name)
		assert.True(t, done.Done, name)
		changed := was != f.Host("e1").Read("/etc/etcd/pki/server.crt")+f.Host("e1").Read("/etc/kubernetes/pki/host.pem")
		assert.Equal(t, name == "etcd" || name == "cluster", changed, name)
	}
	for _, h := range inv.Hosts {
		assert.Len(t, pki.Blocks([]byte(f.Host(h.Name).Read("/etc/kubernetes/pki/ca.crt"))), 1, h.Name)
	}
	nothingLeft(t, f, inv)
	assert.True(t, certificates(t, f, inv).Sound())
}

func TestWhatHasEndedIsRenewedWhereEtcdIsApart(t *testing.T) {
	f, inv, c := grownApart(t)
	c.pass(3651)
	due, err := renewAuthorities(t, f, inv)
	require.NoError(t, err)
	require.Len(t, due, 3)
	_, err = apply(t, f, inv, unprobe, renewing(provision.Renewal{}))
	require.NoError(t, err)
	found := certificates(t, f, inv)
	for _, one := range found.Certificates {
		assert.Equal(t, provision.CertValid, one.State, "%+v", one)
	}
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%v", p.Steps)
}

// A host that is only etcd has no kubelet, balancer or Node, and lacks nothing.
func TestAnEtcdHostIsHealthyWithoutAKubelet(t *testing.T) {
	f, inv, _ := grownApart(t)
	units, err := f.Host("e1").Units()
	require.NoError(t, err)
	for _, unit := range []string{"etcd.service", "provision-renew.timer", "chrony.service", "provision-journal.service"} {
		assert.Equal(t, "active", units[unit].Active, unit)
	}
	for _, unit := range []string{"kubelet.service", "haproxy.service", "containerd.service"} {
		assert.NotContains(t, units, unit)
	}
	o := f.Operator(inv, unprobe) // nothing runs here
	defer o.Close()
	d, err := o.Doctor(t.Context())
	require.NoError(t, err)
	for _, found := range d.Findings {
		assert.NotContains(t, []string{"e1", "e2", "e3"}, found.Host, "%+v", found)
	}
	s, err := o.Status(t.Context())
	require.NoError(t, err)
	for _, h := range s.Hosts {
		if strings.HasPrefix(h.Name, "e") {
			assert.Empty(t, h.Error, h.Name)
			for _, service := range h.Services {
				assert.Equal(t, "running", service.State, "%s on %s", service.Unit, h.Name)
			}
		}
	}
	assert.Contains(t, provision.Services(inv, o.Components, "e1"), "provision-renew.timer")
}

func TestAnEtcdHostIsReset(t *testing.T) {
	inv := apart(t, 3)
	f := boot(t, inv, fleettest.Options{})
	before := files(t, f.Host("e3"))
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	assert.NotEmpty(t, differing(before, files(t, f.Host("e3"))))
	outcome, err := apply(t, f, inv, resetting("e3"))
	require.NoError(t, err)
	assert.NotEmpty(t, outcome.Plan.Steps)
	assert.Empty(t, differing(before, files(t, f.Host("e3"))), "the host is as it was")
	assert.NoDirExists(t, filepath.Join(f.Host("e3").Root, system.IdentityDir))
	for _, s := range outcome.Plan.Steps {
		assert.False(t, s.Address.Host == "n1" && s.Action != plan.Wait, "%s", s.Address)
	}
}
