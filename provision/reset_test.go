package provision_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/cluster"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/plan"
)

func resetAlone(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, hosts ...string) (*provision.Outcome, error) {
	t.Helper()
	o := f.Operator(inv, func(o *provision.Options) { o.Task = &provision.Reset{Hosts: hosts} })
	outcome, err := o.ResetAlone(t.Context(), yes)
	require.NoError(t, o.Close())
	return outcome, err
}

func resetting(hosts ...string) func(*provision.Options) {
	return func(o *provision.Options) { o.Task = &provision.Reset{Hosts: hosts} }
}

func TestAHostIsResetAndComesBack(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	before := files(t, f.Host("n2"))
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Run("n2", cluster.Pod{Namespace: "default", Name: "web"})
	others := map[string]map[string]string{"n1": files(t, f.Host("n1")), "m1": files(t, f.Host("m1"))}

	outcome, err := apply(t, f, inv, resetting("n2"))
	require.NoError(t, err)
	assert.Contains(t, outcome.Plan.Warnings[0], "host n2 (10.200.1.2) loses")
	assert.Nil(t, outcome.Plan.Removals)
	assert.Equal(t, []string{"n2"}, f.API.Drained())
	assert.Equal(t, []string{"m1", "n1"}, f.API.Names("Node"))
	assert.Empty(t, differing(before, files(t, f.Host("n2"))), "the host is as it was")
	assert.NoDirExists(t, filepath.Join(f.Host("n2").Root, system.IdentityDir))
	for name, was := range others {
		assert.Empty(t, differing(was, files(t, f.Host(name))), "%s is not touched", name)
	}
	_, err = apply(t, f, inv, resetting("n2"))
	require.ErrorIs(t, err, provision.ErrNothingToReset)

	_, err = apply(t, f, inv)
	require.NoError(t, err, "the inventory still has it")
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
}

func TestTheLastMasterIsNotResetAlone(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	_, err = apply(t, f, inv, resetting("m1"))
	require.Error(t, err)
	assert.Equal(t, []string{"m1", "n1"}, f.API.Names("Node"))
}

func TestHostsThatAreNotOursAreNotReset(t *testing.T) {
	inv, other := load(t, "dc1", 1), load(t, "dc2", 1)
	f := boot(t, inv, fleettest.Options{})
	before := files(t, f.Host("n1"))
	for _, reset := range []func(hosts ...string) error{
		func(hosts ...string) error { _, err := apply(t, f, inv, resetting(hosts...)); return err },
		func(hosts ...string) error { _, err := resetAlone(t, f, inv, hosts...); return err },
	} {
		require.ErrorContains(t, reset("n1"), "no ledger", "nobody was ever there")
	}
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	whole := files(t, f.Host("n1"))
	for _, hosts := range [][]string{nil, {"n1"}} {
		_, err = resetAlone(t, f, other, hosts...)
		require.ErrorContains(t, err, `cluster "dc1"`)
	}
	assert.Empty(t, differing(whole, files(t, f.Host("n1"))))
	assert.NotEmpty(t, differing(before, whole))
}

func TestAWholeClusterIsReset(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	before := map[string]map[string]string{}
	for _, h := range inv.Hosts {
		before[h.Name] = files(t, f.Host(h.Name))
	}
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Break(errors.New("dead")) // nobody asks it
	f.Host("n2").Fail(sshtest.Refuse)

	outcome, err := resetAlone(t, f, without(inv, "n1")) // n1 left the inventory, and goes too
	require.ErrorContains(t, err, "n2 was skipped")
	assert.Empty(t, outcome.Result.Failed)
	f.Host("n2").Fail(sshtest.None)
	_, err = resetAlone(t, f, inv)
	require.NoError(t, err, "the rest")
	for name, was := range before {
		assert.Empty(t, differing(was, files(t, f.Host(name))), name)
	}
	assert.Empty(t, f.API.Drained())
	_, err = resetAlone(t, f, inv)
	require.ErrorIs(t, err, provision.ErrNothingToReset)

	f.API.Break(nil)
	outcome, err = apply(t, f, inv)
	require.NoError(t, err, "a new cluster can be made of them")
	assert.NotNil(t, at(outcome.Plan, plan.BirthAddress("dc1")))
}

func TestAHostOfADeadClusterIsResetWithoutAskingIt(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	before := files(t, f.Host("n2"))
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Break(errors.New("dead"))
	f.Host("m1").Fail(sshtest.Refuse)

	_, err = resetAlone(t, f, inv, "n2")
	require.NoError(t, err)
	assert.Empty(t, differing(before, files(t, f.Host("n2"))))
	f.Host("m1").Fail(sshtest.None)
	f.API.Break(nil)
	_, err = apply(t, f, inv)
	require.NoError(t, err, "the inventory still has it")
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
}

func TestARebuildGoesOnWhereItWas(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	stands := func() provision.Rebuilding {
		o := f.Operator(inv)
		defer func() { require.NoError(t, o.Close()) }()
		s, err := o.Rebuilding(t.Context(), "n2")
		require.NoError(t, err)
		return s
	}
	rebuild := func(o *provision.Options) { o.Task = &provision.Rebuild{Hosts: []string{"n2"}} }
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	assert.Equal(t, provision.Rebuilding{}, stands(), "from the start")
	_, err = apply(t, f, inv, resetting("n2"))
	require.NoError(t, err)
	assert.True(t, stands().Resume, "it is reset")

	ctx, cancel := context.WithCancel(t.Context())
	o := f.Operator(inv, rebuild, func(o *provision.Options) {
		o.Sink = func(e event.Event) {
			if e.Type == event.StepDone && e.Address != nil && e.Address.Host == "n2" {
				cancel()
			}
		}
	})
	_, err = o.Apply(ctx, yes)
	require.Error(t, err)
	require.NoError(t, o.Close())
	assert.True(t, stands().Resume, "it is being set up")

	_, err = apply(t, f, inv, rebuild)
	require.NoError(t, err)
	assert.Equal(t, provision.Rebuilding{}, stands(), "it is over")
}

// told are the verbs and results of the runs that a host's records tell of.
func told(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) []string {
	t.Helper()
	var list []string
	for _, r := range past(t, f, inv).Runs {
		list = append(list, r.Verb+" "+r.Outcome())
	}
	return list
}

func TestAResetWithoutTheClusterIsRecordedWhereItCanBe(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv, as("apply"))
	require.NoError(t, err)
	f.API.Break(errors.New("dead"))
	f.Host("m2").Fail(sshtest.Refuse)
	var warned notes
	alone := func(hosts ...string) error {
		f.Quiet()
		o := f.Operator(inv, as("reset"), resetting(hosts...), warned.of(event.Warning))
		_, err := o.ResetAlone(t.Context(), yes)
		require.NoError(t, o.Close())
		return err
	}
	require.NoError(t, alone("n1", "m3"))
	assert.Empty(t, warned.all())
	assert.Equal(t, []string{"reset done", "apply done"}, told(t, f, inv))
	assert.Error(t, past(t, f, inv).Runs[0].Returnable(), "no inventory describes what it left")
	assert.NoDirExists(t, filepath.Join(f.Host("m3").Root, system.HistoryDir), "nothing is left on the host")

	_, err = apply(t, f, inv, as("apply"), func(o *provision.Options) { o.AllowMinority = true })
	require.Error(t, err, "the API is dead")
	f.Host("m1").Fail(sshtest.Refuse)
	f.Host("m3").Fail(sshtest.Refuse)
	require.NoError(t, alone("n1"))
	assert.Contains(t, warned.all(), "No history records this reset: no other master or etcd host")
}

func TestAClusterThatIsHalfResetTellsOfIt(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv, as("apply"))
	require.NoError(t, err)
	f.Quiet()
	var warned notes
	o := f.Operator(inv, as("reset"), warned.of(event.Warning), func(o *provision.Options) {
		o.Point = func(point string) {
			if point == "recorded reset" { // somebody killed it
				f.Host("m1").Hangup()
				f.Host("n1").Hangup()
			}
		}
	})
	_, err = o.ResetAlone(t.Context(), yes)
	require.Error(t, err)
	require.NoError(t, o.Close())
	f.Quiet()
	assert.Equal(t, []string{"reset not finished", "apply done"}, told(t, f, inv))
	assert.NotContains(t, warned.all(), "No history")

	o = f.Operator(inv, as("reset"), warned.of(event.Warning))
	_, err = o.ResetAlone(t.Context(), yes)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	assert.Contains(t, warned.all(), "No history records this reset: the cluster's history went with its masters and etcd hosts")
	assert.NoDirExists(t, filepath.Join(f.Host("m1").Root, system.HistoryDir))
}
