package provision_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/component"
	"provision/provision/fleettest"
	"provision/provision/internal/system/systemfake"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/test/faults"
)

const ours = 0xe7cd

var dataOfM3 = resource.Address{Host: "m3", Kind: "etcddata", Name: "/var/lib/etcd"}

// threeMembers is a cluster whose etcd on m3 has ended.
func threeMembers(t *testing.T) (*fleettest.Fleet, *inventory.Inventory) {
	t.Helper()
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.SetEtcdIDs(map[string]uint64{"m1": ours, "m2": ours})
	host, err := systemfake.Open(f.Host("m3").Root, systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.System.Units.Stop(t.Context(), "etcd.service"))
	return f, inv
}

func place(p *plan.Plan, a resource.Address) int {
	return slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Address == a })
}

func memberOf(f *fleettest.Fleet, host string) (id uint64, votes bool) {
	for _, m := range f.API.Members() {
		if m.Name == host {
			return m.ID, !m.Learner
		}
	}
	return 0, false
}

func TestAnEtcdMemberThatWasRemovedJoinsAnew(t *testing.T) {
	const folder = "/var/lib/etcd/"
	for title, test := range map[string]struct {
		leave  func(t *testing.T, f *fleettest.Fleet, root string)
		target string
		aside  bool
	}{
		"its data are there": {aside: true},
		"an earlier run added it as a learner": {aside: true, leave: func(t *testing.T, f *fleettest.Fleet, _ string) {
			env, err := f.API.Env(t.Context())
			require.NoError(t, err)
			_, err = env.Members.AddLearner(t.Context(), []string{"https://10.200.0.13:2380"})
			require.NoError(t, err)
		}},
		"its data were moved away": {leave: func(t *testing.T, _ *fleettest.Fleet, root string) {
			require.NoError(t, os.Rename(filepath.Join(root, folder, "member"), filepath.Join(root, "old")))
		}},
		"moved away, and a start failed": {aside: true, leave: func(t *testing.T, _ *fleettest.Fleet, root string) {
			require.NoError(t, os.Rename(filepath.Join(root, folder, "member/wal"), filepath.Join(root, "old")))
		}},
		"only the host is named": {aside: true, target: "m3"},
	} {
		t.Run(title, func(t *testing.T) {
			f, inv := threeMembers(t)
			was, _ := memberOf(f, "m3")
			f.API.RemoveMember("m3")
			if test.leave != nil {
				test.leave(t, f, f.Host("m3").Root)
			}
			began := time.Now()
			outcome, err := apply(t, f, inv, func(o *provision.Options) {
				if test.target != "" {
					o.Targets = []string{test.target}
				}
			})
			took := time.Since(began)
			require.NoError(t, err)
			at := place(outcome.Plan, dataOfM3)
			assert.Equal(t, test.aside, at >= 0, "%+v", outcome.Plan.Steps)
			if test.aside {
				step := outcome.Plan.Steps[at]
				assert.True(t, step.Irreversible)
				assert.Equal(t, "set aside, for the member to join again", step.Changes[0].New)
			}
			unit, voter := place(outcome.Plan, component.UnitAt("m3", "etcd.service")), place(outcome.Plan, component.MemberAt("m3"))
			if title != "an earlier run added it as a learner" {
				assert.Contains(t, outcome.Plan.Steps[unit].Requires, component.LearnerAt("m3"), "known to the others before it starts")
				learner := outcome.Plan.Steps[place(outcome.Plan, component.LearnerAt("m3"))]
				assert.Equal(t, test.aside, slices.Contains(learner.Requires, dataOfM3), "the old data go first")
			}
			assert.Contains(t, outcome.Plan.Steps[voter].Requires, component.UnitAt("m3", "etcd.service"))
			for _, s := range outcome.Plan.Steps {
				assert.True(t, s.Address.IsCluster() || s.Address.Host == "m3", "%s", s.Address)
			}
			now, votes := memberOf(f, "m3")
			assert.True(t, votes)
			assert.NotEqual(t, was, now)
			assert.Contains(t, f.Host("m3").Read("/etc/etcd/bootstrap.env"), "STATE=existing")
			f.API.SetEtcdIDs(map[string]uint64{"m1": ours, "m2": ours, "m3": ours})
			p, err := look(t, f, inv)
			require.NoError(t, err)
			assert.True(t, p.Empty(), "%+v", p.Steps)
			require.False(t, t.Failed())
			if title == "its data are there" {
				assert.Contains(t, strings.Join(outcome.Plan.Warnings, "\n"), "was removed from the etcd cluster for good")
				faults.Record(t, "etcd-removed-returns", "A host whose etcd member was removed joins again with one apply, before its etcd starts; the plan says that its data are set aside",
					"one of three members is taken out of the list of members, its host and data stay; the whole fleet in one process", "one apply of %d steps in %d ms", len(outcome.Plan.Steps), took.Milliseconds())
			}
		})
	}
}

// What is not certain is no reason to take a member's data away.
func TestEtcdDataStayWhileAnythingSpeaksForThem(t *testing.T) {
	for title, change := range map[string]func(f *fleettest.Fleet){
		"it is a member still":       func(*fleettest.Fleet) {},
		"nobody lists the members":   func(f *fleettest.Fleet) { f.API.RemoveMember("m3"); f.API.Break(errors.New("no leader")) },
		"no member says whose it is": func(f *fleettest.Fleet) { f.API.RemoveMember("m3"); f.API.SetEtcdIDs(nil) },
		"etcd is another cluster by now": func(f *fleettest.Fleet) {
			f.API.RemoveMember("m3")
			f.API.SetEtcdIDs(map[string]uint64{"m1": 5, "m2": 5})
		},
		"the data are of another cluster":  func(f *fleettest.Fleet) { f.API.RemoveMember("m3"); _ = f.Host("m3").WriteEtcd(3, 5) },
		"whose data they are is not known": func(f *fleettest.Fleet) { f.API.RemoveMember("m3"); _ = f.Host("m3").WriteEtcd(0, 0) },
		"its etcd answers": func(f *fleettest.Fleet) {
			f.API.RemoveMember("m3")
			f.API.SetEtcdIDs(map[string]uint64{"m1": ours, "m2": ours, "m3": ours})
		},
	} {
		t.Run(title, func(t *testing.T) {
			f, inv := threeMembers(t)
			change(f)
			p, err := look(t, f, inv)
			require.NoError(t, err)
			assert.Negative(t, place(p, dataOfM3), "%+v", p.Steps)
			if title == "its etcd answers" {
				assert.Contains(t, strings.Join(p.Warnings, "\n"), "does not list; it is left alone")
			}
		})
	}
}
