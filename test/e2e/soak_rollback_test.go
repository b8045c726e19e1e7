//go:build e2e && soak

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// change is one thing that an operator might change: text of a file of the
// inventory is replaced, or a file is added.
type change struct {
	name, from, to string
	file           int // the first is small.hcl, the second what lab hosts need
	add            string
}

// changeable are changes that do not get in one another's way.
func changeable(release string) []change {
	return []change{
		{name: "label and taint", from: `roles   = ["node"]`, to: "roles   = [\"node\"]\n  labels  = { disk = \"ssd\" }\n  taints  = [\"dedicated=batch:PreferNoSchedule\"]"},
		{name: "a worker less", from: "host \"node-[1-2]\" {\n  address = \"192.0.2.[21-22]\"", to: "host \"node-1\" {\n  address = \"192.0.2.21\""},
		{name: "a worker more", add: extra("node-3.hcl")},
		{name: "release", from: `version = "` + release + `"`, to: `version = "` + newerKubernetes + `"`},
		{name: "kubelet", from: "failCgroupV1 = false", to: "failCgroupV1 = false\n    maxPods = 77", file: 1},
		{name: "apiserver", from: "cgroup_driver ", to: "apiserver_args = { max-requests-inflight = \"333\" }\n  cgroup_driver ", file: 1},
		{name: "mirror", from: "kubernetes {", to: "kubernetes {\n  registry_mirrors = { \"docker.io\" = [\"https://192.0.2.99:5000\"] }", file: 1},
	}
}

// in makes the change in files.
func (one change) in(t *testing.T, files []string) []string {
	t.Helper()
	if one.add != "" {
		return append(slices.Clone(files), one.add)
	}
	files = slices.Clone(files)
	files[one.file] = edited(t, files[one.file], one.from, one.to)
	return files
}

// TestSoakRollback makes random sequences of changes, some in runs that are
// killed, and goes back to the first state each time, in rollbacks some of which
// are killed too ($PROVISION_SOAK_ROLLBACKS, 10 sequences).
func TestSoakRollback(t *testing.T) {
	rounds := 10
	if text := os.Getenv("PROVISION_SOAK_ROLLBACKS"); text != "" {
		var err error
		rounds, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	s := newSuite(t)
	s.patience = 15 * time.Minute
	is := tested(t)
	result := soaked{Header: begin(t, "rollback"), Seed: rand.Uint64(), Clusters: 1}
	random := rand.New(rand.NewPCG(result.Seed, 0))
	t.Logf("seed %d", result.Seed)
	begun := time.Now()
	c := s.named("rollback", sample("small.hcl"), extra("shared-kernel.hcl"), extra("node-3.hcl"))
	c.cache = s.stamped(t, kubernetesStamps(is.Kubernetes(), newerKubernetes)...)
	c.up(t)
	c.files = c.files[:2]
	bare := c.bare(t, "node-3")
	c.apply(t)
	first, files, goal := c.snapshot(t), c.files, c.past(t)[0].Run
	result.Compared = len(first)
	changes, back := 0, 0
	for round := range rounds {
		if t.Failed() {
			break
		}
		t.Run(fmt.Sprintf("round %d", round+1), func(t *testing.T) {
			changes += c.wander(t, random, changeable(is.Kubernetes()), &result)
			if random.IntN(2) == 0 && c.during(t, []string{"rollback", goal, "--yes"}, moment{"step_done", 1 + random.IntN(20)}, kill(t)) {
				t.Log("rollback killed")
				back++
			}
			r := c.verb(t, "rollback", goal, "--yes")
			require.Zero(t, r.code, "%s", r.all())
			c.files = files
			assert.Empty(t, first.differences(c.snapshot(t)))
			assert.Empty(t, lost(bare, c.bare(t, "node-3")), "node-3 is as it was before it came")
			c.unchanged(t)
		})
	}
	result.Kills, result.Operator = result.Kills+back, result.Operator+back
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	keep(t, result.Journey, result)
	if !t.Failed() {
		faults.Record(t, "history-random", "Whatever the history of a cluster, one command takes it back to an earlier state",
			"random sequences of changes to a master and two workers (a patch release, labels and taints, a worker less, one more, settings of kubelet and API server, a registry mirror), some in runs that were killed; each rolled back to the first state, some of these runs killed too",
			"%d sequences of %d changes in all, %d of them in runs that were killed first, %d rollbacks killed first; each time %d files, units and objects, and a host that had come, were as in the beginning, and the plan empty",
			rounds, changes, result.Kills-back, back, result.Compared)
	}
}

// wander applies random changes one after the other, and says how many there
// were.
func (c *cluster) wander(t *testing.T, random *rand.Rand, list []change, result *soaked) int {
	t.Helper()
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:1+random.IntN(len(list))]
	named := func(name string) int {
		return slices.IndexFunc(list, func(one change) bool { return one.name == name })
	}
	// Whoever comes is given the range of pods of the one that left, which then
	// comes back with another.
	if less, more := named("a worker less"), named("a worker more"); less >= 0 && less < more {
		list[less], list[more] = list[more], list[less]
	}
	for _, one := range list {
		c.files = one.in(t, c.files)
		t.Logf("change: %s", one.name)
		if random.IntN(2) == 0 && c.kill(t, moment{"step_done", 1 + random.IntN(10)}) {
			t.Log("killed")
			result.Kills++
			result.Operator++
		}
		r := c.verb(t, "apply", "--yes")
		require.Zero(t, r.code, "%s", r.all())
	}
	return len(list)
}
