//go:build e2e && soak

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// change is one thing that an operator might change in an inventory: text of a
// file is replaced.
type change struct {
	name, from, to string
	shared         bool // in the file of what lab hosts need, not in small.hcl
}

// changeable are changes that do not get in one another's way.
func changeable() []change {
	return []change{
		{name: "label and taint", from: `roles   = ["node"]`, to: "roles   = [\"node\"]\n  labels  = { disk = \"ssd\" }\n  taints  = [\"dedicated=batch:PreferNoSchedule\"]"},
		{name: "a worker less", from: "host \"node-[1-2]\" {\n  address = \"192.0.2.[21-22]\"", to: "host \"node-1\" {\n  address = \"192.0.2.21\""},
		{name: "kubelet", from: "failCgroupV1 = false", to: "failCgroupV1 = false\n    maxPods = 77", shared: true},
		{name: "apiserver", from: "cgroup_driver ", to: "apiserver_args = { max-requests-inflight = \"333\" }\n  cgroup_driver ", shared: true},
		{name: "mirror", from: "kubernetes {", to: "kubernetes {\n  registry_mirrors = { \"docker.io\" = [\"https://192.0.2.99:5000\"] }", shared: true},
	}
}

// TestSoakRollback makes random sequences of changes, some in runs that are
// killed, and goes back to the first state each time ($PROVISION_SOAK_ROLLBACKS,
// 10 sequences).
func TestSoakRollback(t *testing.T) {
	rounds := 10
	if text := os.Getenv("PROVISION_SOAK_ROLLBACKS"); text != "" {
		var err error
		rounds, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	s := newSuite(t)
	result := soaked{Journey: "rollback", Seed: rand.Uint64(), Date: time.Now().UTC().Format(time.RFC3339), Commit: commit(t), Clusters: 1}
	random := rand.New(rand.NewPCG(result.Seed, 0))
	t.Logf("seed %d", result.Seed)
	begun := time.Now()
	c := s.boot(t, "rollback", sample("small.hcl"), extra("shared-kernel.hcl"))
	c.apply(t)
	first, files, goal := c.snapshot(t), c.files, c.past(t)[0].Run
	result.Compared = len(first)
	changes := 0
	for round := range rounds {
		if t.Failed() {
			break
		}
		t.Run(fmt.Sprintf("round %d", round+1), func(t *testing.T) {
			n := c.wander(t, random, files, &result)
			changes += n
			r := c.verb(t, "rollback", goal, "--yes")
			require.Zero(t, r.code, "%s", r.all())
			c.files = files
			assert.Empty(t, first.differences(c.snapshot(t)))
			c.unchanged(t)
		})
	}
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	result.write(t)
	if !t.Failed() {
		faults.Record(t, "history-random", "However a cluster came to be as it is, one command takes it back to an earlier state",
			"random sequences of changes to a master and two workers (labels and taints, a worker less, settings of kubelet and API server, a registry mirror), some in runs that were killed; each rolled back to the first state",
			"%d sequences of %d changes in all, %d of them in runs that were killed first; each time %d files, units and objects were as in the beginning, and the plan empty",
			rounds, changes, result.Kills, result.Compared)
	}
}

// wander applies random changes one after the other, and says how many there
// were.
func (c *cluster) wander(t *testing.T, random *rand.Rand, files []string, result *soaked) int {
	t.Helper()
	list := changeable()
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:1+random.IntN(len(list))]
	now := append([]string(nil), files...)
	for _, one := range list {
		at := 0
		if one.shared {
			at = 1
		}
		now[at] = edited(t, now[at], one.from, one.to)
		c.files = append([]string(nil), now...)
		if random.IntN(2) == 0 && c.kill(t, moment{"step_done", 1}) {
			result.Kills++
			result.Operator++
		}
		t.Logf("change: %s", one.name)
		r := c.verb(t, "apply", "--yes")
		require.Zero(t, r.code, "%s", r.all())
	}
	return len(list)
}
