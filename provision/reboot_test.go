package provision_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/cluster"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/test/faults"
)

func rebooting(hosts ...string) func(*provision.Options) {
	return func(o *provision.Options) {
		o.Task = &provision.Reboot{Hosts: hosts, Within: 20 * time.Second}
	}
}

// needing reboots those that need it.
func needing(inv *inventory.Inventory) func(*provision.Options) {
	return func(o *provision.Options) {
		o.Task = &provision.Reboot{Hosts: names(inv), All: true, IfNeeded: true, Within: 20 * time.Second}
	}
}

func boots(f *fleettest.Fleet, inv *inventory.Inventory) []int {
	var counts []int
	for _, h := range inv.Hosts {
		counts = append(counts, f.Host(h.Name).Boots())
	}
	return counts
}

// rebootable is a cluster that stands.
func rebootable(t *testing.T, inv *inventory.Inventory) *fleettest.Fleet {
	t.Helper()
	f := boot(t, inv, fleettest.Options{})
	f.Serving(inv)
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	return f
}

// failure is why the only step that failed did.
func failure(t *testing.T, outcome *provision.Outcome) string {
	t.Helper()
	require.NotNil(t, outcome)
	require.Len(t, outcome.Result.Failed, 1)
	return outcome.Result.Failed[0].Err.Error()
}

func TestHostsRebootInWaves(t *testing.T) {
	inv := load(t, "dc1", 3)
	f := rebootable(t, inv)
	f.API.Run("n2", cluster.Pod{Namespace: "default", Name: "web"})
	var order []string
	for _, h := range inv.Hosts {
		f.Host(h.Name).WhileDown(func() {
			order = append(order, h.Name)
			if h.Has(inventory.RoleNode) {
				assert.Equal(t, []string{h.Name}, cordoned(t, f), "it is drained, and no other is")
			}
		})
	}
	outcome, err := apply(t, f, inv, rebooting(names(inv)...))
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "n1", "n2", "n3"}, order)
	assert.Equal(t, []int{1, 1, 1, 1}, boots(f, inv))
	assert.Contains(t, f.API.Drained(), "n2")
	assert.Empty(t, cordoned(t, f))
	require.Len(t, outcome.Plan.Waves, 4)
	assert.Contains(t, strings.Join(outcome.Plan.Warnings, "\n"), "the API does not answer while m1 reboots")
	step := at(outcome.Plan, plan.RebootAddress("n1"))
	require.NotNil(t, step)
	assert.Equal(t, "6f0c2a52-7a52-4a0c-9c5e-2f6a55b1c001", step.Changes[0].Old)

	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
	_, err = apply(t, f, inv, rebooting("n1"))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 1, 1}, boots(f, inv), "who asks again gets it again")
}

func TestOnlyHostsThatNeedABootGetOne(t *testing.T) {
	inv := load(t, "dc1", 3)
	f := rebootable(t, inv)
	outcome, err := apply(t, f, inv, needing(inv))
	require.NoError(t, err)
	assert.True(t, outcome.Plan.Empty(), "%+v", outcome.Plan.Steps)

	require.NoError(t, f.Host("n1").Write("/run/reboot-required", "*** System restart required ***\n"))
	require.NoError(t, f.Host("n1").Write("/run/reboot-required.pkgs", "linux-base\nlibc6\nlinux-base\n"))
	require.NoError(t, f.Host("n3").Write("/boot/vmlinuz-6.1.0-21-amd64", ""))
	require.NoError(t, f.Host("n2").Write("/boot/vmlinuz-6.1.0-21-cloud-amd64", ""), "another flavour says nothing")
	outcome, err = apply(t, f, inv, needing(inv))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 0, 1}, boots(f, inv))
	why := func(host string) string {
		step := at(outcome.Plan, plan.RebootAddress(host))
		require.NotNil(t, step)
		return step.Changes[1].New
	}
	assert.Equal(t, "updated packages ask for it: linux-base, libc6", why("n1"))
	assert.Equal(t, "kernel 6.1.0-21-amd64 is installed, and 6.1.0-18-amd64 runs", why("n3"))
}

// A host that another run has rebooted is not rebooted again by the run that goes
// on with what that one was asked to do.
func TestAnInterruptedRebootGoesOn(t *testing.T) {
	for _, point := range []string{
		"step " + plan.RebootAddress("n1").String(), "rebooting n1", "rebooted n1", "done " + plan.RebootAddress("n1").String(),
		"step " + uncordonOf("n1").String(), "done " + uncordonOf("n1").String(), "step " + plan.RebootAddress("n2").String(),
		"done " + uncordonOf("n2").String(),
	} {
		t.Run(filepath.Base(point), func(t *testing.T) {
			inv := load(t, "dc1", 2)
			f := rebootable(t, inv)
			ctx, cancel := context.WithCancel(t.Context())
			o := f.Operator(inv, rebooting("n1", "n2"), func(o *provision.Options) {
				o.Point = func(name string) {
					if name == point {
						cancel()
					}
				}
			})
			_, err := o.Apply(ctx, yes)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, o.Close())
			f.Quiet()
			require.Eventually(t, func() bool { // the host comes back by itself
				_, err := look(t, f, inv, rebooting("n1", "n2"))
				return err == nil
			}, 2*time.Minute, 100*time.Millisecond)
			_, err = apply(t, f, inv, rebooting("n1", "n2"))
			require.NoError(t, err)
			assert.Equal(t, []int{0, 1, 1}, boots(f, inv), "each once")
			assert.Empty(t, cordoned(t, f))
			p, err := look(t, f, inv)
			require.NoError(t, err)
			assert.True(t, p.Empty(), "%+v", p.Steps)
		})
	}
	faults.Record(t, "reboot-interrupted", "a reboot run stopped anywhere is finished by the same command, and no host reboots twice",
		"the operator stopped at 8 points between the drain of the first of two workers and the end", "each worker booted once; both uncordoned, an empty plan")
}

func TestAHostThatDoesNotComeBackStopsTheRest(t *testing.T) {
	inv := load(t, "dc1", 3)
	f := rebootable(t, inv)
	f.Host("n1").Bury()
	outcome, err := apply(t, f, inv, func(o *provision.Options) {
		o.Task = &provision.Reboot{Hosts: names(inv), Within: 10 * time.Second} // enough for m1, however busy this machine is
	})
	assert.Contains(t, failure(t, outcome), "host n1 did not come back within 10s after its reboot; check its console")
	require.ErrorContains(t, err, "cordoned until their change is done: n1")
	assert.Equal(t, []int{1, 0, 0, 0}, boots(f, inv))
	assert.Equal(t, []string{"n1"}, cordoned(t, f))

	_, err = look(t, f, inv, rebooting("n1"))
	require.ErrorContains(t, err, "cannot reboot host n1: it does not answer")
	require.NoError(t, f.Host("n1").Rise())
	_, err = apply(t, f, inv, rebooting(names(inv)...))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 1, 1}, boots(f, inv), "m1 and n1 are done")
	assert.Empty(t, cordoned(t, f))
	faults.Record(t, "reboot-lost", "a host that does not come back from its reboot stops the rollout while the others serve; once it is up, the same command continues",
		"the second of four hosts stays off", "1 Node cordoned, 2 hosts never touched; then each host booted once")
}

func TestAHostThatOnlySaysThatItReboots(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := rebootable(t, inv)
	f.Host("n1").Deafen(true)
	outcome, err := apply(t, f, inv, func(o *provision.Options) {
		o.Task = &provision.Reboot{Hosts: []string{"n1"}, Within: 5 * time.Second}
	})
	require.Error(t, err)
	assert.Contains(t, failure(t, outcome), "it answers, but has not rebooted")
	assert.Equal(t, []string{"n1"}, cordoned(t, f))
	f.Host("n1").Deafen(false)
	_, err = apply(t, f, inv, rebooting("n1"))
	require.NoError(t, err)
	assert.Empty(t, cordoned(t, f))
	assert.Equal(t, []int{0, 1, 0}, boots(f, inv))
}

func TestAHostIsNotWellBeforeItsServicesAre(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := rebootable(t, inv)
	f.API.Sicken("n1", errors.New("container runtime is down"))
	outcome, err := apply(t, f, inv, rebooting("n1", "n2"))
	require.Error(t, err)
	assert.Contains(t, failure(t, outcome), "host n1 has rebooted, and its Node is not healthy: container runtime is down")
	assert.Equal(t, []int{0, 1, 0}, boots(f, inv))
	assert.Equal(t, []string{"n1"}, cordoned(t, f))
	f.API.Sicken("n1", nil)
	_, err = apply(t, f, inv, rebooting("n1", "n2"))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 1, 1}, boots(f, inv))
}

func TestMastersRebootOneByOneUnderOneLock(t *testing.T) {
	inv := masters(t, "3")
	f := rebootable(t, inv)
	var others []error
	for _, name := range []string{"m1", "m2", "m3"} {
		f.Host(name).WhileDown(func() {
			_, err := apply(t, f, inv, rebooting("n1"))
			others = append(others, err)
		})
	}
	_, err := apply(t, f, inv, rebooting("m1", "m2", "m3"))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 1, 0}, boots(f, inv))
	require.Len(t, others, 3)
	for _, other := range others {
		require.Error(t, other, "the run keeps its lock while a keeper of it reboots")
	}
}

func TestNoMemberRebootsWhileAnotherIsDown(t *testing.T) {
	inv := masters(t, "3")
	f := rebootable(t, inv)
	f.Serving(inv, "m2")
	_, err := apply(t, f, inv, rebooting("m1", "n1"))
	require.ErrorContains(t, err, "cannot reboot host m1: etcd's member on m2 does not answer")
	f.Host("m2").Fail(sshtest.Refuse)
	_, err = apply(t, f, inv, rebooting("m3"))
	require.ErrorContains(t, err, "cannot reboot host m3: etcd's member on m2 does not answer")
	assert.Equal(t, []int{0, 0, 0, 0}, boots(f, inv))
	f.Host("m2").Fail(sshtest.None)
	f.Serving(inv, "m2")
	outcome, err := apply(t, f, inv, rebooting("m2"))
	require.Error(t, err)
	assert.Contains(t, failure(t, outcome), "host m2 has rebooted, and etcd is not healthy there", "the ill one itself may")
	assert.Equal(t, []int{0, 1, 0, 0}, boots(f, inv))
	faults.Record(t, "reboot-quorum", "no etcd member reboots while another one is down", "one of three members answers nothing, then its host is off", "refused both times, nothing was rebooted")
}

// Somebody else may change the cluster while its only master is down.
func TestAnotherRunInBetweenIsNoticed(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := rebootable(t, inv)
	o := f.Operator(inv, rebooting("m1", "n1"), func(o *provision.Options) {
		o.Point = func(name string) {
			if name != "rebooting m1" {
				return
			}
			require.Eventually(t, func() bool {
				_, err := apply(t, f, inv, rebooting("n2"))
				return err == nil
			}, 2*time.Minute, 50*time.Millisecond)
		}
	})
	_, err := o.Apply(t.Context(), yes)
	require.NoError(t, o.Close())
	require.ErrorContains(t, err, "another run changed the cluster while host m1 rebooted")
	assert.Equal(t, []int{1, 0, 1}, boots(f, inv))
}

func TestIsolatedHostsRebootAndStayIsolated(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := rebootable(t, inv)
	_, err := apply(t, f, inv, isolating(false, "n1"))
	require.NoError(t, err)
	_, err = apply(t, f, inv, rebooting("n1"))
	require.NoError(t, err)
	assert.True(t, nodeState(t, f, "n1").Isolated)
	assert.Equal(t, []int{0, 1, 0}, boots(f, inv))
}

func TestWhatElseIsToBeDoneWaits(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := rebootable(t, inv)
	require.NoError(t, f.Host("n1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
	outcome, err := apply(t, f, inv, rebooting("n1"))
	require.NoError(t, err)
	assert.Positive(t, outcome.Plan.LeftOut)
	assert.Equal(t, "by hand\n", f.Host("n1").Read("/etc/haproxy/haproxy.cfg"))
}

func TestHostsThatCannotBeRebootedAreNamed(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv, rebooting("n1"))
	require.ErrorContains(t, err, "does not exist yet")
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	more := load(t, "dc1", 3)
	require.NoError(t, f.Boot(more))
	_, err = apply(t, f, more, rebooting("n3"))
	require.ErrorContains(t, err, "cannot reboot host n3: it is not in the cluster yet")
	f.Host("n2").Fail(sshtest.Refuse)
	var said notes
	require.NoError(t, f.Host("n1").Write("/run/reboot-required", ""))
	_, err = apply(t, f, more, needing(more), func(o *provision.Options) {
		o.Sink = func(e event.Event) { said.add(e.Text) } // hosts speak at the same time
	})
	require.NoError(t, err)
	assert.Contains(t, said.all(), "Host n3 is not in the cluster: not rebooted")
	assert.Equal(t, []int{0, 1, 0, 0}, boots(f, more))
}
