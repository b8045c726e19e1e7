package provision_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/engine"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/plan"
)

// load reads an inventory of one master and the given nodes.
func load(t *testing.T, name string, nodes int) *inventory.Inventory {
	t.Helper()
	text := fmt.Sprintf(`cluster %q { version = "1.37.1" }
ssh { user = "root" }
network {
  pods     = "10.32.0.0/12"
  services = "10.96.0.0/16"
}
host "m1" {
  address = "10.200.0.11"
  roles   = ["etcd", "master"]
}
`, name)
	for i := 1; i <= nodes; i++ {
		text += fmt.Sprintf("host \"n%d\" {\n  address = \"10.200.1.%d\"\n  roles = [\"node\"]\n}\n", i, i)
	}
	file := filepath.Join(t.TempDir(), "inventory.hcl")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: []string{file}})
	require.NoError(t, problems.Err())
	return inv
}

func boot(t *testing.T, inv *inventory.Inventory, options fleettest.Options) *fleettest.Fleet {
	t.Helper()
	f, err := fleettest.New(fleettest.Folder(t), options)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	require.NoError(t, f.Boot(inv))
	return f
}

func yes(*plan.Plan) (bool, error) { return true, nil }

func apply(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, tune ...func(*provision.Options)) (*provision.Outcome, error) {
	t.Helper()
	o := f.Operator(inv, tune...)
	outcome, err := o.Apply(t.Context(), yes)
	if outcome != nil {
		for _, failed := range outcome.Result.Failed {
			t.Logf("%s: %v", failed.Address, failed.Err)
		}
	}
	require.NoError(t, o.Close())
	return outcome, err
}

func look(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, tune ...func(*provision.Options)) (*plan.Plan, error) {
	t.Helper()
	o := f.Operator(inv, tune...)
	defer func() { require.NoError(t, o.Close()) }()
	return o.Plan(t.Context())
}

func hostsOf(p *plan.Plan) map[string]int {
	hosts := map[string]int{}
	for _, s := range p.Steps {
		if s.Action != plan.Wait {
			hosts[s.Address.Host]++
		}
	}
	return hosts
}

func TestPlanOfANewClusterChangesNothing(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	first, err := look(t, f, inv)
	require.NoError(t, err)
	assert.Empty(t, first.UUID)
	assert.Equal(t, plan.BirthAddress("dc1"), first.Steps[0].Address, "the identity comes first")
	assert.Positive(t, hostsOf(first)["m1"])
	assert.Positive(t, hostsOf(first)["n1"])
	for _, name := range []string{"m1", "n1"} {
		assert.NoFileExists(t, filepath.Join(f.Host(name).Root, "/usr/local/bin/kubelet"))
		assert.NoDirExists(t, filepath.Join(f.Host(name).Root, system.IdentityDir))
	}
	assert.Zero(t, f.API.Writes())
	second, err := look(t, f, inv)
	require.NoError(t, err)
	assert.Equal(t, first.Hash(), second.Hash(), "the same hosts give the same plan")
}

func TestApplyThenNothingChanges(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	outcome, err := apply(t, f, inv)
	require.NoError(t, err)
	assert.Equal(t, len(outcome.Plan.Steps), outcome.Result.Done)
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
	assert.FileExists(t, filepath.Join(f.Host("m1").Root, system.IdentityDir, system.ClusterKey))
	assert.NoFileExists(t, filepath.Join(f.Host("n1").Root, system.IdentityDir, system.ClusterKey), "only masters hold keys")

	writes, execs := f.API.Writes(), f.Host("n1").Execs()
	before, err := f.Host("n1").Units()
	require.NoError(t, err)
	again, err := apply(t, f, inv)
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "%+v", again.Plan.Steps)
	assert.Equal(t, writes, f.API.Writes())
	assert.LessOrEqual(t, f.Host("n1").Execs()-execs, 2, "exec channels of an apply that changes nothing")
	after, err := f.Host("n1").Units()
	require.NoError(t, err)
	assert.Equal(t, before, after)

	third, err := look(t, f, inv)
	require.NoError(t, err)
	assert.Equal(t, again.Plan.Hash(), third.Hash())
	require.NoError(t, f.Host("n1").Write("/usr/local/bin/kubelet", "something else\n"))
	moved, err := look(t, f, inv)
	require.NoError(t, err)
	assert.NotEqual(t, third.Hash(), moved.Hash(), "a saved plan is refused when a host has moved")
	assert.Equal(t, map[string]int{"cluster": 2, "n1": 2}, hostsOf(moved), "the binary, and the kubelet that must restart, on a Node that is drained and uncordoned")
}

func TestANewNodeTouchesNoOther(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	grown := load(t, "dc1", 2)
	require.NoError(t, f.Boot(grown))
	outcome, err := apply(t, f, grown)
	require.NoError(t, err)
	hosts := hostsOf(outcome.Plan)
	assert.Zero(t, hosts["n1"])
	assert.Zero(t, hosts["m1"])
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
	assert.Equal(t, f.Host("n1").Read("/etc/kubernetes/pki/ca.crt"), f.Host("n2").Read("/etc/kubernetes/pki/ca.crt"))
}

func TestAHostThatIsDownDoesNotStopOthers(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	f.Host("n2").Fail(sshtest.Refuse)
	outcome, err := apply(t, f, inv)
	require.ErrorContains(t, err, "host n2 was skipped")
	require.NotNil(t, outcome)
	assert.Empty(t, outcome.Result.Failed)
	assert.FileExists(t, filepath.Join(f.Host("n1").Root, "/usr/local/bin/kubelet"))

	f.Host("n2").Fail(sshtest.None)
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	assert.Equal(t, f.Host("m1").Read("/etc/kubernetes/pki/ca.crt"), f.Host("n2").Read("/etc/kubernetes/pki/ca.crt"))
}

// A directory stands where a file must be, so that no kubelet starts.
func TestNobodyWaitsForPodsThatHaveNoPlace(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	const inTheWay = "/etc/kubernetes/kubelet.yaml"
	skips := func(broken ...string) bool {
		for _, name := range broken {
			require.NoError(t, os.MkdirAll(filepath.Join(f.Host(name).Root, inTheWay), 0o755))
		}
		outcome, err := apply(t, f, inv)
		require.ErrorContains(t, err, "failed")
		for _, name := range broken {
			require.NoError(t, os.Remove(filepath.Join(f.Host(name).Root, inTheWay)))
		}
		return slices.ContainsFunc(outcome.Result.Skipped, func(s engine.Skip) bool {
			return s.Address.String() == `cluster/release["coredns"]`
		})
	}
	assert.True(t, skips("m1", "n1"), "a release without a kubelet")
	assert.False(t, skips("n1"), "one kubelet is enough")
	_, err := apply(t, f, inv)
	require.NoError(t, err)
}

func TestANewIdentityNeedsEveryMaster(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	f.Host("m1").Fail(sshtest.Refuse)
	_, err := apply(t, f, inv)
	require.ErrorContains(t, err, "m1 did not answer")
	assert.NoDirExists(t, filepath.Join(f.Host("n1").Root, system.IdentityDir))
}

func TestHostsOfAnotherClusterAreRefused(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	_, err = apply(t, f, load(t, "dc2", 1))
	require.ErrorContains(t, err, `cluster "dc1"`)
	require.ErrorContains(t, err, "Nothing was changed")
}

func TestLabAndRealHostsAreKeptApart(t *testing.T) {
	inv := load(t, "dc1", 1)
	lab := func(o *provision.Options) { o.Lab = "dc1" }
	f := boot(t, inv, fleettest.Options{})
	_, err := look(t, f, inv, lab)
	require.ErrorContains(t, err, "it is not a host of lab")
	for _, name := range []string{"m1", "n1"} {
		require.NoError(t, f.Host(name).Write(system.LabMarker, "dc1\n"))
	}
	_, err = look(t, f, inv)
	require.ErrorContains(t, err, `it is a host of lab "dc1"`)
	p, err := look(t, f, inv, lab)
	require.NoError(t, err)
	assert.Equal(t, `lab "dc1"`, p.Target)
}

func TestASecondOperatorIsToldWhoHoldsTheLock(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	first := f.Operator(inv)
	_, err := first.Apply(t.Context(), func(*plan.Plan) (bool, error) {
		_, err := apply(t, f, inv, func(o *provision.Options) { o.Holder = "bob@desk" })
		require.ErrorContains(t, err, "ann@desk (process 1) holds its lock")
		return false, nil
	})
	require.ErrorIs(t, err, provision.ErrDeclined)
	require.NoError(t, first.Close())
	_, err = apply(t, f, inv, func(o *provision.Options) { o.Holder = "bob@desk" })
	require.NoError(t, err, "the lock went with its session")
}

func TestLostInTheMiddleThenAppliedAgain(t *testing.T) {
	for _, at := range []string{"identity put", "identity committed", "recorded", "announced", "applied"} {
		t.Run(strings.ReplaceAll(at, " ", "-"), func(t *testing.T) {
			var f *fleettest.Fleet
			var cut atomic.Bool
			cutter := func(host, point string) {
				if host == "m1" && strings.HasPrefix(point, at) && cut.CompareAndSwap(false, true) {
					go f.Host("m1").Hangup()
				}
			}
			inv := load(t, "dc1", 1)
			f = boot(t, inv, fleettest.Options{Point: cutter})
			_, err := apply(t, f, inv)
			require.Error(t, err)
			require.True(t, cut.Load())
			require.Eventually(t, func() bool {
				_, err = apply(t, f, inv)
				return err == nil || !strings.Contains(err.Error(), "holds its lock")
			}, 2*time.Minute, 100*time.Millisecond, "the lock of a session that ended is free within seconds")
			require.NoError(t, err)
			last, err := look(t, f, inv)
			require.NoError(t, err)
			assert.True(t, last.Empty(), "%+v", last.Steps)
		})
	}
}

func TestCanceledThenAppliedAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{Point: func(_, point string) {
		if strings.HasPrefix(point, "applied") {
			cancel()
		}
	}})
	o := f.Operator(inv)
	outcome, err := o.Apply(ctx, yes)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, o.Close())
	assert.NotEmpty(t, outcome.Result.Skipped)
	_, err = apply(t, f, inv)
	require.NoError(t, err)
}

func TestAnAPIThatDoesNotAnswerIsAWarning(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Break(fmt.Errorf("connection refused"))
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "connection refused")
	f.API.Break(nil)
	p, err = look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty())
}
