//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// addsBeside adds a worker while another one has no power.
func (c *cluster) addsBeside(t *testing.T) {
	const dead, fresh = "node-2", "node-3"
	require.NoError(t, c.lab.PowerCut(t.Context(), dead))
	before := c.traces(t, "master", "node-1")
	c.files = append(slices.Clone(c.files), extra("node-3.hcl"))
	r := c.verb(t, "apply", "--yes")
	assert.Equal(t, 1, r.code, "it is not all done")
	assert.Contains(t, r.all(), "host "+dead+" was skipped")
	assert.NotContains(t, r.all(), "failed:\n", "nothing else fails")
	assert.Equal(t, "True", c.node(t, fresh, `{.status.conditions[?(@.type=="Ready")].status}`))
	for host, was := range before {
		now := c.trace(t, host)
		assert.Equal(t, was.Units, now.Units, "units of %s", host)
		assert.Equal(t, unrecorded(was.Files), unrecorded(now.Files), "files of %s, but for the record of the run on the master", host)
	}
	hosts := c.past(t)[0].Hosts
	assert.Equal(t, []string{fresh}, hosts, "the history names what was touched")
	require.NoError(t, c.lab.PowerOn(t.Context(), dead))
	eventually(t, 2*time.Minute, "the dead one has missed nothing", func(context.Context) error {
		if r := c.verb(t, "plan", "--detailed-exitcode"); r.code != 0 {
			return errorText(r.all())
		}
		return nil
	})
	c.seconds(t, "add a worker beside a dead one", r.took)
	faults.Record(t, "add-beside-dead", "A host is added while another one is dead: only the new one is touched, the dead one is named with exit code 1, and has everything once it is back",
		"power of one of two workers cut, a third added by apply, power on", "added in %.1f s, the dead host's login limit of 10 s included; no unit restarted and no file changed on the %d others; then the plan was empty",
		r.took.Seconds(), len(before))
}

// isolatesMaster takes one of several masters out of service, and back into it.
func (c *cluster) isolatesMaster(t *testing.T) {
	const host = "g2"
	others := slices.DeleteFunc(c.applied(t), func(name string) bool { return name == host })
	require.Equal(t, others, c.askers(t, others, host), "all that know it")
	stop := c.probe(t, "g1")
	took := c.ran(t, "node", "isolate", host, "--yes").took
	isolated := time.Now()
	assert.Empty(t, c.askers(t, c.applied(t), host), "no balancer has it")
	eventually(t, time.Minute, "nobody asks it over an old connection", func(context.Context) error {
		for _, name := range others {
			if left := c.on(t, name, "ss", "-Htn", "state", "established", "dst", c.endpoint(t, host)); left != "" {
				return errorText(name + ": " + left)
			}
		}
		return nil
	})
	quiet := time.Since(isolated)
	c.unchanged(t)
	back := c.ran(t, "node", "recover", host, "--yes").took
	p := stop()
	assert.Equal(t, others, c.askers(t, others, host), "all have it again")
	assert.NotContains(t, c.node(t, host, "{.spec.taints}"), "provision/isolated")
	c.unchanged(t)
	c.threeVoters(t)
	assert.Less(t, p.Gap, longestGap, "%s", p.Last)
	faults.Record(t, "care-isolate-master", "A master leaves service and returns while the API answers; meanwhile no balancer uses it and no old connection stays",
		"one of three masters isolated, and recovered, while the balancer of another is asked all the time",
		"isolated in %.1f s, its last connection closed %.1f s later; back in %.1f s; longest gap of the API %.1f s (%d answers, %d without)",
		took.Seconds(), quiet.Seconds(), back.Seconds(), p.Gap.Seconds(), p.OK, p.Failed)
}

// endpoint is a host's API server.
func (c *cluster) endpoint(t *testing.T, host string) string {
	t.Helper()
	h, ok := load(t, c.files...).Host(host)
	require.True(t, ok)
	return h.Address.String() + ":6443"
}

// askers are the hosts whose balancers have a master.
func (c *cluster) askers(t *testing.T, hosts []string, master string) []string {
	t.Helper()
	var list []string
	for _, name := range hosts {
		if strings.Contains(c.on(t, name, "cat", "/etc/haproxy/haproxy.cfg"), "server "+master+" "+c.endpoint(t, master)+"\n") {
			list = append(list, name)
		}
	}
	return list
}
