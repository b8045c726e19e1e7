package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/plan"
	"provision/provision/resource"
)

// ill lets a unit of the host be something else than active: dead, or starting
// again and again, which counts as running.
func ill(seen map[string]plan.Observed, host, unit string) {
	one := seen[host]
	one.Result.Items = append(one.Result.Items, api.PlanItem{ID: service(host, unit).Address.ID(),
		Changes: []resource.Change{{Field: "active", Old: "activating", New: "active"}}})
	seen[host] = one
}

// A program that does not come up stopped an upgrade; the next apply must not
// give it to the other hosts.
func TestNobodyRestartsWhileAMemberIsDown(t *testing.T) {
	g, all := stack(t)
	for name, c := range map[string]struct {
		down   string // on m1, whose programs are in place
		differ []string
		waits  []resource.Address
	}{
		"of its own component":  {"etcd", []string{"etcd"}, []resource.Address{program("m2", "etcd").Address, unitOf("m2", "etcd"), unitOf("m3", "etcd")}},
		"of the tier before":    {"etcd", []string{"apiserver"}, []resource.Address{program("m2", "apiserver").Address, unitOf("m3", "apiserver")}},
		"an API server":         {"apiserver", []string{"apiserver", "manager"}, []resource.Address{program("m2", "apiserver").Address, unitOf("m2", "manager"), unitOf("m3", "apiserver")}},
		"before the kubelets":   {"apiserver", []string{"kubelet"}, []resource.Address{plan.ControlPlaneGate(), program("w1", "kubelet").Address}},
		"a manager of a master": {"manager", []string{"scheduler"}, []resource.Address{program("m2", "scheduler").Address, unitOf("m3", "scheduler")}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := replaced(g, all, c.differ...)
			seen["m1"] = replaced(g, all, "none")["m1"]
			ill(seen, "m1", c.down+".service")
			p := build(g, seen)
			noCycles(t, p)
			for _, a := range c.waits {
				assert.True(t, after(p, a, unitOf("m1", c.down)), "%s waits for what is down", a)
			}
		})
	}
}

// What fixes a member that is down does not wait for those that are well.
func TestAMemberThatIsDownIsFixedFirst(t *testing.T) {
	g, all := stack(t)
	seen := replaced(g, all, "etcd")
	ill(seen, "m3", "etcd.service")
	p := build(g, seen)
	noCycles(t, p)
	assert.Equal(t, plan.Restart, find(t, p, unitOf("m3", "etcd")).Act)
	for _, h := range []string{"m1", "m2"} {
		assert.True(t, after(p, program(h, "etcd").Address, unitOf("m3", "etcd")), h)
		assert.False(t, after(p, unitOf("m3", "etcd"), unitOf(h, "etcd")), h)
	}
	assert.True(t, after(p, unitOf("m2", "etcd"), unitOf("m1", "etcd")), "one after the other")

	ill(seen, "m2", "etcd.service")
	p = build(g, seen)
	assert.False(t, after(p, unitOf("m3", "etcd"), unitOf("m2", "etcd")), "two that are down may need one another")
	assert.False(t, after(p, unitOf("m2", "etcd"), unitOf("m3", "etcd")), "two that are down may need one another")
}

// A change of configuration is no upgrade, and no less dangerous.
func TestAFileIsNotChangedUnderMembersWhileOneIsDown(t *testing.T) {
	conf := func(h string) resource.Resource { return file(h, "/etcd.yaml").Restarting("etcd.service") }
	hosts := []string{"m1", "m2", "m3"}
	want, seen := map[string][]resource.Resource{}, map[string]plan.Observed{}
	for _, h := range hosts {
		want[h] = []resource.Resource{conf(h), service(h, "etcd.service").After(conf(h).Address)}
		seen[h] = differs([]string{"etcd.service"}, conf(h))
	}
	g := graph(t, hosts, nil, part{"etcd", component.OneAtATime, want})
	ill(seen, "m2", "etcd.service")
	p := build(g, seen)
	noCycles(t, p)
	for _, h := range []string{"m1", "m3"} {
		assert.True(t, after(p, unitOf(h, "etcd"), unitOf("m2", "etcd")), h)
	}
	require.False(t, after(p, unitOf("m2", "etcd"), unitOf("m1", "etcd")))
}

// A member that is set up anew needs the others: they do not wait for it.
func TestNobodyWaitsForAMemberThatNeedsHim(t *testing.T) {
	conf := func(h string) resource.Resource { return file(h, "/etcd.yaml").Restarting("etcd.service") }
	want, seen := map[string][]resource.Resource{}, map[string]plan.Observed{}
	hosts := []string{"m1", "m2"}
	for _, h := range hosts {
		want[h] = []resource.Resource{conf(h), service(h, "etcd.service").After(conf(h).Address)}
		seen[h] = differs([]string{"etcd.service"}, conf(h))
	}
	want["m1"][1] = want["m1"][1].After(unitOf("m2", "etcd"))
	g := graph(t, hosts, nil, part{"etcd", component.OneAtATime, want})
	ill(seen, "m1", "etcd.service")
	p := build(g, seen)
	noCycles(t, p)
	assert.True(t, after(p, unitOf("m1", "etcd"), unitOf("m2", "etcd")))
}
