//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// planned is what the journeys read of `provision plan --json`.
type planned struct {
	Steps []struct{ Address, Action string }
	Empty bool
}

func (c *cluster) plan(t *testing.T) planned {
	t.Helper()
	r := c.verb(t, "plan", "--json")
	var p planned
	require.NoError(t, json.Unmarshal([]byte(r.out), &p), "%s", r.all())
	return p
}

// addresses are what the plan changes; gates only wait.
func (p planned) addresses() []string {
	var list []string
	for _, s := range p.Steps {
		if s.Action != "wait" {
			list = append(list, s.Address)
		}
	}
	slices.Sort(list)
	return list
}

// others are the addresses outside of a host and the objects named for it.
func (p planned) others(host string) []string {
	return slices.DeleteFunc(p.addresses(), func(a string) bool {
		return strings.HasPrefix(a, host+"/") || a == `cluster/node["`+host+`"]`
	})
}

const workers = `host "n[1-2]" {
  address = "10.88.0.[21-22]"
  roles   = ["node"]
}`

const markedWorkers = `host "n1" {
  address = "10.88.0.21"
  roles   = ["node"]
  labels  = { disk = "ssd" }
  taints  = ["dedicated=batch:PreferNoSchedule"]
}

host "n2" {
  address = "10.88.0.22"
  roles   = ["node"]
}`

// with applies a changed inventory for the length of do.
func (c *cluster) with(file string, do func()) {
	before := c.files
	c.files = []string{file}
	defer func() { c.files = before }()
	do()
}

// labels marks one Node and takes the marks away again.
func (c *cluster) labels(t *testing.T) {
	a, _ := c.tunnel(t)
	before := c.traces(t, "n1", "n2", "m1")
	c.with(edited(t, sample("lab.hcl"), workers, markedWorkers), func() {
		assert.Equal(t, []string{`cluster/node["n1"]`}, c.plan(t).addresses(), "only the Node changes")
		c.seconds(t, "label and taint one Node", c.apply(t).took)
		c.unchanged(t)
	})
	nodes := a.nodes(t)
	assert.Equal(t, "ssd", nodes["n1"].Metadata.Labels["disk"])
	assert.Len(t, nodes["n1"].Spec.Taints, 1)
	assert.NotContains(t, nodes["n2"].Metadata.Labels, "disk")
	c.apply(t)
	nodes = a.nodes(t)
	assert.NotContains(t, nodes["n1"].Metadata.Labels, "disk", "what leaves the inventory is removed")
	assert.Empty(t, nodes["n1"].Spec.Taints)
	for host, want := range before {
		assert.Equal(t, want.Units, c.trace(t, host).Units, "no unit of %s is touched", host)
	}
}

// attributes changes kubelet's settings and containerd's mirrors, and back.
func (c *cluster) attributes(t *testing.T) {
	hosts := c.applied(t)
	before := c.traces(t, hosts...)
	file := edited(t, sample("lab.hcl"), "failCgroupV1 = false", "failCgroupV1 = false\n    maxPods      = 42",
		"restrict_oom_score_adj = true", "restrict_oom_score_adj = true\n  registry_mirrors       = { \"docker.io\" = [\"https://mirror.example.com\"] }")
	const mirror = "/etc/containerd/certs.d/docker.io/hosts.toml"
	c.with(file, func() {
		c.seconds(t, "change kubelet's settings on five hosts", c.apply(t).took)
		c.unchanged(t)
	})
	for _, host := range hosts {
		assert.Equal(t, []string{"kubelet.service"}, restarted(before[host].Units, c.trace(t, host).Units), "units restarted on %s", host)
		assert.Contains(t, c.on(t, host, "cat", mirror), "mirror.example.com")
	}
	a, _ := c.tunnel(t)
	assert.Equal(t, "42", a.do(t, "get", "node", "n1", "-o", "jsonpath={.status.capacity.pods}"))
	c.apply(t)
	c.unchanged(t)
	for _, host := range hosts {
		_, err := c.lab.Exec(t.Context(), host, "test", "-e", mirror)
		require.Error(t, err, "%s of %s goes with its attribute", mirror, host)
	}
}

// restarted names the units whose invocation differs.
func restarted(before, after []string) []string {
	var names []string
	for _, line := range after {
		if slices.Contains(before, line) {
			continue
		}
		for field := range strings.FieldsSeq(line) {
			if name, ok := strings.CutPrefix(field, "Id="); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// drift edits files by hand: the plan shows it, apply puts them back.
func (c *cluster) drift(t *testing.T) {
	const config = "/etc/haproxy/haproxy.cfg"
	want := c.on(t, "n2", "sha256sum", config)
	before := c.traces(t, c.applied(t)...)
	c.on(t, "n2", "sh", "-c", "echo '# by hand' >>"+config)
	r := c.verb(t, "plan", "--detailed-exitcode")
	assert.Equal(t, 2, r.code, "%s", r.all())
	assert.Contains(t, r.out, config)
	assert.Empty(t, c.plan(t).others("n2"))
	c.seconds(t, "put one edited file back", c.apply(t).took)
	assert.Equal(t, want, c.on(t, "n2", "sha256sum", config))
	c.unchanged(t)
	for host, tr := range before {
		assert.Empty(t, restarted(tr.Units, c.trace(t, host).Units), "units restarted on %s: a balancer is reloaded", host)
	}
}

// addNode adds one worker: nobody else is touched.
func (c *cluster) addNode(t *testing.T) {
	hosts := c.applied(t)
	before := c.traces(t, hosts...)
	c.files = append(c.files, extra("n3.hcl"))
	assert.Empty(t, c.plan(t).others("n3"), "only the new node changes")
	c.seconds(t, "add one node", c.apply(t).took)
	for _, host := range hosts {
		after := c.trace(t, host)
		assert.Equal(t, before[host].Units, after.Units, "units of %s", host)
		if strings.HasPrefix(host, "n") {
			assert.Equal(t, before[host].Files, after.Files, "files of %s", host)
		}
	}
	a, _ := c.tunnel(t)
	a.allReady(t, "m1", "m2", "m3", "n1", "n2", "n3")
	c.answersDNS(t, "n3")
	c.unchanged(t)
}
