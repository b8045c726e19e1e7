package provision_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/preflight"
)

func examine(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, full bool) *provision.Preflight {
	t.Helper()
	o := f.Operator(inv)
	defer func() { require.NoError(t, o.Close()) }()
	p, err := o.Preflight(t.Context(), full)
	require.NoError(t, err)
	return p
}

// found are the findings of a severity as "host check".
func found(p *provision.Preflight, severity preflight.Severity) []string {
	var list []string
	for _, f := range p.Findings {
		if f.Severity == severity {
			list = append(list, f.Host+" "+f.Check)
		}
	}
	return list
}

func TestPreflightOfFitHosts(t *testing.T) {
	inv := load(t, "dc1", 3)
	f := boot(t, inv, fleettest.Options{})
	p := examine(t, f, inv, false)
	assert.Empty(t, found(p, preflight.Error), "%+v", p.Findings)
	assert.Equal(t, 12, p.Pairs, "four hosts, both ways")
	assert.Positive(t, f.Network.Dialled())
	for _, h := range inv.Hosts {
		assert.NoDirExists(t, filepath.Join(f.Host(h.Name).Root, system.LedgerDir))
	}
	before := f.Network.Dialled()
	assert.Equal(t, p.Connections, examine(t, f, inv, false).Connections, "ports are free again")
	assert.Equal(t, 2*before, f.Network.Dialled())

	_, err := apply(t, f, inv)
	require.NoError(t, err)
	dialled := f.Network.Dialled()
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	assert.Equal(t, dialled, f.Network.Dialled(), "nothing is tried when no host joins")
}

func TestPreflightNamesAllFaultsAtOnce(t *testing.T) {
	inv := load(t, "dc1", 3)
	f := boot(t, inv, fleettest.Options{})
	f.Host("n3").Fail(sshtest.Refuse)
	require.NoError(t, f.Host("n1").Write("/etc/machine-id", f.Host("n2").Read("/etc/machine-id")))
	require.NoError(t, f.Host("n2").Write("/proc/meminfo", "MemTotal: 262144 kB\n"))
	require.NoError(t, f.Host("m1").Write("/proc/net/tcp", "x\n 0: 00000000:192B 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n"))
	f.Network.Blocked = func(from, to string) bool { return strings.HasPrefix(to, "10.200.1.2:10250") }
	f.Network.MTU = func(from, to string) int {
		if from == "10.200.1.1" {
			return 1400
		}
		return 1500
	}
	p := examine(t, f, inv, false)
	assert.ElementsMatch(t, []string{"n3 ssh", "n1 machine-id", "n2 machine-id", "n2 memory", "m1 port", "n2 reach", "n1 mtu"}, found(p, preflight.Error), "%+v", p.Findings)
	for _, finding := range p.Findings {
		assert.NotEmpty(t, finding.Remedy)
	}
}

func TestApplyLeavesOutHostsThatAreNotFit(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	require.NoError(t, f.Host("n2").Write("/proc/meminfo", "MemTotal: 262144 kB\n"))
	outcome, err := apply(t, f, inv)
	require.ErrorContains(t, err, "host n2 was skipped")
	assert.ErrorContains(t, err, "256 MiB")
	assert.Zero(t, hostsOf(outcome.Plan)["n2"])
	assert.Equal(t, []string{"m1", "n1"}, f.API.Names("Node"))
	assert.NoDirExists(t, filepath.Join(f.Host("n2").Root, system.LedgerDir))

	ignoring := func(o *provision.Options) { o.IgnorePreflight = []string{preflight.Memory} }
	_, err = apply(t, f, inv, ignoring)
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
	_, err = apply(t, f, inv)
	require.NoError(t, err, "what works is not examined again")
}

func TestANewClusterTakesAllItsMasters(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	require.NoError(t, f.Host("m1").Write("/proc/meminfo", "MemTotal: 262144 kB\n"))
	_, err := apply(t, f, inv)
	require.ErrorContains(t, err, "cannot create cluster")
	require.ErrorContains(t, err, "Nothing was changed")
	for _, name := range []string{"m1", "n1"} {
		assert.NoDirExists(t, filepath.Join(f.Host(name).Root, system.LedgerDir))
	}
	dialled := f.Network.Dialled()
	_, err = apply(t, f, inv, func(o *provision.Options) { o.IgnorePreflight = []string{"all"} })
	require.NoError(t, err)
	assert.Equal(t, dialled, f.Network.Dialled(), "all leaves the checks out")
}

// A master that joined the cluster's identity, but nothing else yet: an apply
// was interrupted.
func TestMastersThatAreNotFitAreTheOnlyReasonGiven(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := f.Operator(inv, func(o *provision.Options) {
		o.Point = func(name string) {
			if strings.HasPrefix(name, "step ") {
				cancel()
			}
		}
	}).Apply(ctx, yes)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, f.Host("m1").Write("/proc/meminfo", "MemTotal: 262144 kB\n"))
	_, err = apply(t, f, inv)
	require.ErrorContains(t, err, "1 of its 1 masters and etcd hosts cannot be used (m1)")
	assert.NotContains(t, err.Error(), "--allow-minority")
}

func TestPreflightEndsWithItsContext(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	f.Network.Blocked = func(_, to string) bool { return !strings.HasSuffix(to, ":22") }
	o := f.Operator(inv)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := o.Preflight(ctx, false)
	require.NoError(t, o.Close())
	assert.Less(t, time.Since(began), 30*time.Second)
	if err != nil {
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	}
}
