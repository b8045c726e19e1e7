//go:build e2e

package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// past is what the journeys read of `provision history --json`.
type past struct {
	Runs []pastRun
}

type pastRun struct {
	Run, Verb, Who, Outcome string
	Hosts                   []string
	Rollback                *int
	Steps                   int `json:"steps_total"`
}

func (c *cluster) past(t *testing.T) []pastRun {
	t.Helper()
	r := c.verb(t, "history", "--json")
	require.Zero(t, r.code, "%s", r.all())
	var p past
	require.NoError(t, json.Unmarshal([]byte(r.out), &p), "%s", r.all())
	return p.Runs
}

// outcomes are how runs ended, the oldest first.
func outcomes(runs []pastRun) []string {
	var list []string
	for i := range runs {
		one := runs[len(runs)-1-i]
		list = append(list, one.Verb+" "+one.Outcome)
	}
	return list
}

// history changes a cluster three times, one of them in a run that is killed, and
// goes back to the first state. The changes are undone on the hosts, and not the
// inventory's files here.
func (c *cluster) history(t *testing.T) {
	shared := extra("shared-kernel.hcl")
	first, files := c.snapshot(t), c.files
	defer func() { c.files = files }()

	label := edited(t, sample("small.hcl"), `roles   = ["node"]`, "roles   = [\"node\"]\n  labels  = { disk = \"ssd\" }")
	c.files = []string{label, shared}
	c.apply(t)
	setting := edited(t, shared, "failCgroupV1 = false", "failCgroupV1 = false\n    maxPods = 77")
	c.files = []string{label, setting}
	require.True(t, c.kill(t, moment{"step_done", 1}))
	c.apply(t)
	mirror := edited(t, setting, "kubernetes {", "kubernetes {\n  registry_mirrors = { \"docker.io\" = [\"https://192.0.2.99:5000\"] }")
	c.files = []string{label, mirror}
	c.apply(t)
	assert.NotEmpty(t, first.differences(c.snapshot(t)))

	runs := c.past(t)
	assert.Equal(t, []string{"apply done", "apply done", "apply not finished", "apply done", "apply done"}, outcomes(runs))
	require.Len(t, runs, 5)
	require.NotNil(t, runs[4].Rollback)
	assert.Equal(t, 3, *runs[4].Rollback)
	assert.NotContains(t, runs[0].Who, "process")
	shown := c.provision(t, append([]string{"history", "show", runs[3].Run}, c.inventory()...)...)
	assert.Contains(t, shown.out, `cluster/node["node-1"]`, "%s", shown.all())
	c.rollBack(t, first, files)
}

// rollBack goes back three states, in two attempts.
func (c *cluster) rollBack(t *testing.T, first snapshot, files []string) {
	t.Helper()
	old := filepath.Join(t.TempDir(), "old")
	require.True(t, c.during(t, []string{"rollback", "3", "--yes"}, moment{"step_done", 1}, kill(t)))
	r := c.verb(t, "rollback", "--yes", "--write", old)
	require.Zero(t, r.code, "%s", r.all())
	c.seconds(t, "roll back three changes, killed once", r.took)
	assert.Contains(t, r.out, "is still the newer one")
	different := first.differences(c.snapshot(t))
	assert.Empty(t, different)
	assert.Equal(t, []string{"rollback not finished", "rollback done"}, outcomes(c.past(t)[:2]))
	plan := c.verb(t, "plan", "--detailed-exitcode")
	assert.Equal(t, 2, plan.code, "the inventory here is the newer one: %s", plan.all())

	c.files = nil
	require.NoError(t, filepath.WalkDir(old, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".hcl") {
			c.files = append(c.files, path)
		}
		return err
	}))
	c.unchanged(t)
	for i, file := range files {
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Len(t, c.files, len(files))
		assert.Condition(t, func() bool { return anyHolds(t, c.files, string(want)) }, "file %d, %s, is kept as it was written", i, file)
	}
	again := c.verb(t, "history", "show", c.past(t)[0].Run, "--write", old)
	assert.Equal(t, 1, again.code, "what exists is not overwritten: %s", again.all())
	faults.Record(t, "history-rollback", "One command goes back to an earlier inventory: the hosts are then as they were under it; killed on its way, the same command goes on",
		"a label, a kubelet setting (in a run that was killed, then repeated) and a registry mirror were applied; the rollback of all three was killed after its first step",
		"%d files, units and objects compared, %d differ; %.1f s for the second attempt", len(first), len(different), r.took.Seconds())
}

func anyHolds(t *testing.T, files []string, want string) bool {
	t.Helper()
	for _, file := range files {
		have, err := os.ReadFile(file)
		require.NoError(t, err)
		if string(have) == want {
			return true
		}
	}
	return false
}
