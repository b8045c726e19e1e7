//go:build e2e

package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/drift"
	"provision/test/faults"
)

// drifts changes one of each kind by hand, all at once: the plan names exactly
// these, one apply puts them back, and nothing else restarts.
func (c *cluster) drifts(t *testing.T) {
	a, closeTunnel := c.tunnel(t)
	before := c.trace(t, "k1")
	var wanted, restarts []string
	cases := drift.Cluster("k1")
	for _, one := range cases {
		wanted = append(wanted, one.Address("cluster"))
		if one.Kubectl != nil {
			a.do(t, one.Kubectl...)
		}
		if one.Script != "" {
			c.on(t, "k1", "sh", "-c", one.Script)
		}
	}
	for _, one := range drift.Host() {
		c.on(t, "k1", "sh", "-ec", one.Script)
		wanted = append(wanted, one.Address("k1"))
		for _, unit := range one.Restarts {
			restarts = append(restarts, unit)
			if !one.Quiet {
				wanted = append(wanted, `k1/unit["`+unit+`"]`)
			}
		}
	}
	closeTunnel()
	count := len(drift.Host()) + len(cases)
	restarts = append(restarts, "kubelet.service") // for another CNI configuration
	slices.Sort(wanted)
	slices.Sort(restarts)
	r := c.verb(t, "plan", "--detailed-exitcode")
	assert.Equal(t, 2, r.code, "%s", r.all())
	assert.Equal(t, slices.Compact(wanted), c.plan(t).addresses(), "%s", r.out)

	applied := c.apply(t)
	c.seconds(t, "put back what somebody changed of each kind", applied.took)
	eventually(t, time.Minute, "the plan is empty", func(context.Context) error {
		if r := c.verb(t, "plan", "--detailed-exitcode"); r.code != 0 {
			return errors.New(r.all())
		}
		return nil
	})
	after := c.trace(t, "k1")
	again := restarted(before.Units, after.Units)
	slices.Sort(again)
	assert.Equal(t, slices.Compact(restarts), again, "units that run anew")
	lost, left := apart(paths(before.Files), paths(after.Files))
	assert.Empty(t, lost, "files that are no longer there")
	assert.Empty(t, slices.DeleteFunc(left, aside), "files that were not there, but for what was set aside")
	require.False(t, t.Failed())
	faults.Record(t, "drift-each-kind", "What somebody changes by hand shows in the plan, exactly; one apply puts it back and restarts only the units that read it, kubelet for the CNI configuration among them",
		"on one host with every role, changes of each kind at once: files, units, drop-ins, packages, images, programs, folders, certificates, a Node's label, RBAC, a release's objects, etcd's peer URL",
		"%d changes of %d kinds; %d units restarted; %.1f s", count, kindsOf(append(drift.Host(), cases...)), len(again), applied.took.Seconds())
}

func kindsOf(cases []drift.Case) int {
	found := map[string]bool{}
	for _, one := range cases {
		found[one.Kind] = true
	}
	return len(found)
}

// apart are the entries that only one of two lists has.
func apart(a, b []string) (first, second []string) {
	first = slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	second = slices.DeleteFunc(slices.Clone(b), func(s string) bool { return slices.Contains(a, s) })
	return first, second
}

// paths are the names in the lines of a trace.
func paths(lines []string) []string {
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// aside is what provision set aside, the folders that somebody made for it, and
// the record of the run.
func aside(path string) bool {
	return strings.HasPrefix(path, "/var/lib/provision/history/") || strings.HasSuffix(path, ".set-aside") || strings.HasSuffix(path, "/kube-scheduler.service.d")
}
