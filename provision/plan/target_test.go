package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

// store wants, on each host, a file that feeds a unit; units restart on one
// host after the other.
type store struct{}

func (store) Name() string                                 { return "store" }
func (store) Runs(*component.Cluster, inventory.Host) bool { return true }
func (store) Artifacts(*component.Cluster) []bundle.Ref    { return nil }
func (store) Rollout() component.Rollout                   { return component.OneAtATime }
func (store) Gate() component.Gate                         { return component.Gate{} }
func (store) Desired(_ *component.Cluster, h inventory.Host) ([]resource.Resource, error) {
	binary := resource.New(h.Name, "binary", "store", nil)
	conf := resource.New(h.Name, "file", "/etc/store.conf", nil).After(binary.Address).Restarting("store.service")
	return []resource.Resource{
		binary, conf,
		resource.New(h.Name, "unit", "store.service", nil),
		resource.New(h.Name, "file", "/etc/motd", nil),
	}, nil
}

var (
	hosts = []string{"m1", "m2", "m3"}
	gate  = desired.GateAddress("store")
	role  = resource.New(resource.ClusterHost, "object", "role", nil).After(gate)
)

func at(host, kind, name string) resource.Address {
	return resource.Address{Host: host, Kind: kind, Name: name}
}

// world is a cluster on which everything of these IDs differs on every host.
func world(t *testing.T, differ ...string) plan.Input {
	t.Helper()
	in := plan.Input{Cluster: "dc1", UUID: "u", Hosts: map[string]plan.Observed{}}
	build := desired.Input{Components: []component.Component{store{}}, Objects: []resource.Resource{role},
		Gates: []desired.Gate{{Address: gate, Need: 1}}, Cluster: &component.Cluster{}}
	for _, name := range hosts {
		build.Hosts = append(build.Hosts, inventory.Host{Name: name})
		build.Gates[0].Of = append(build.Gates[0].Of, at(name, "unit", "store.service"))
		seen := plan.Observed{Result: api.PlanResult{Running: []string{"store.service"}}}
		for _, id := range differ {
			seen.Result.Items = append(seen.Result.Items, api.PlanItem{ID: id, Changes: []resource.Change{{Field: "content", Old: "a", New: "b"}}})
		}
		in.Hosts[name] = seen
	}
	in.Objects = map[resource.Address]plan.ClusterObserved{role.Address: {Changes: []resource.Change{{Field: "rules", New: "x"}}}}
	graph, err := desired.Build(build)
	require.NoError(t, err)
	in.Graph = graph
	return in
}

func limited(t *testing.T, in plan.Input, targets ...string) *plan.Plan {
	t.Helper()
	parsed, err := plan.ParseTargets(targets, in)
	require.NoError(t, err)
	in.Targets = parsed
	return plan.Build(in)
}

func addresses(p *plan.Plan) []string {
	var list []string
	for _, s := range p.Steps {
		list = append(list, s.Address.String())
	}
	return list
}

const (
	conf   = `file["/etc/store.conf"]`
	motd   = `file["/etc/motd"]`
	binary = `binary["store"]`
	unit   = `unit["store.service"]`
)

func TestTargetsKeepWhatTheyNameAndRequire(t *testing.T) {
	cases := map[string]struct {
		targets []string
		want    []string
		leftOut int
	}{
		"an address and what it requires": {[]string{"m2/" + conf}, []string{"m2/" + binary, "m2/" + conf}, 11},
		"a unit and its inputs, but no host whose turn comes before": {
			[]string{"m3/" + unit}, []string{"m3/" + binary, "m3/" + conf, "m3/" + unit, gate.String()}, 10},
		"a host": {[]string{"m2"}, []string{"m2/" + binary, "m2/" + conf, "m2/" + unit, "m2/" + motd, gate.String()}, 9},
		"two targets, one twice": {
			[]string{"m1/" + motd, "m3/" + motd, "m1/" + motd}, []string{"m1/" + motd, "m3/" + motd}, 11},
		"an object, its gate and all that the gate waits for": {
			[]string{"cluster"}, []string{
				"m1/" + binary, "m1/" + conf, "m1/" + unit, "m2/" + binary, "m2/" + conf, "m2/" + unit,
				"m3/" + binary, "m3/" + conf, "m3/" + unit, role.Address.String(), gate.String()}, 3},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := limited(t, world(t, binary, conf, motd), c.targets...)
			assert.ElementsMatch(t, c.want, addresses(p))
			assert.Equal(t, c.leftOut, p.LeftOut)
			for _, s := range p.Steps {
				for _, need := range s.Requires {
					assert.Contains(t, addresses(p), need.String(), "%s requires what was left out", s.Address)
				}
			}
		})
	}
}

func TestGateOfATargetWaitsOnlyForWhatChanges(t *testing.T) {
	p := limited(t, world(t, conf), "m2")
	for _, s := range p.Steps {
		if s.Address == gate {
			assert.Equal(t, []resource.Address{at("m2", "unit", "store.service")}, s.Of)
			assert.LessOrEqual(t, s.Need, s.Met+len(s.Of), "the gate can be passed")
			return
		}
	}
	t.Fatal("the gate was left out")
}

func TestWithoutTargetsHostsKeepTheirTurns(t *testing.T) {
	p := plan.Build(world(t, conf))
	assert.Empty(t, p.Targets)
	assert.Zero(t, p.LeftOut)
	for _, s := range p.Steps {
		if s.Address == at("m2", "unit", "store.service") {
			assert.Contains(t, s.Requires, at("m1", "unit", "store.service"))
		}
	}
}

func TestTargetThatDoesNotChangeGivesAnEmptyPlan(t *testing.T) {
	p := limited(t, world(t, conf), "m1/"+motd)
	assert.True(t, p.Empty())
	assert.Equal(t, []string{"m1/" + motd}, p.Targets)
	assert.NotEqual(t, plan.Build(world(t, conf)).Hash(), p.Hash(), "a limited plan is another plan")
}

func TestRemovalsCanBeTargeted(t *testing.T) {
	in := world(t)
	seen := in.Hosts["m1"]
	seen.Result.Removed = []facts.Resource{{ID: `file["/etc/old"]`}}
	in.Hosts["m1"] = seen
	assert.Equal(t, []string{`m1/file["/etc/old"]`}, addresses(limited(t, in, `m1/file["/etc/old"]`)))
}

func TestUnknownTargetsNameTheNearest(t *testing.T) {
	cases := map[string]string{
		"m4":                          "cannot target m4: there is no such host or resource; did you mean m1?",
		"clutser":                     "did you mean cluster?",
		`m1/file["/etc/store.cnf"]`:   `cannot target m1/file["/etc/store.cnf"]: host m1 has no such resource; did you mean m1/file["/etc/store.conf"]?`,
		`m1/unit[store.service]`:      `did you mean m1/unit["store.service"]?`,
		`cluster/object["rôle"]`:      `did you mean cluster/object["role"]?`,
		"something-else-entirely-far": `write HOST or HOST/KIND["NAME"]`,
		"":                            "there is no such host or resource",
	}
	for text, want := range cases {
		_, err := plan.ParseTargets([]string{text}, world(t))
		assert.ErrorContains(t, err, want, "target %q", text)
	}
	_, err := plan.ParseTargets([]string{"m9", "m1", "m8"}, world(t))
	assert.ErrorContains(t, err, "m9")
	assert.ErrorContains(t, err, "m8", "all are named at once")
}

func TestHostsOutsideTheTargetsDoNotMakeAPlanIncomplete(t *testing.T) {
	in := world(t, motd)
	in.Hosts["m3"] = plan.Observed{Err: assert.AnError}
	assert.True(t, plan.Build(in).Incomplete())
	assert.False(t, limited(t, in, "m1").Incomplete())
	assert.False(t, limited(t, in, "m1/"+motd).Concerns("m3"))
	assert.True(t, limited(t, in, "m3").Incomplete())
}

func FuzzParseTargets(f *testing.F) {
	for _, seed := range []string{"m1", "m1/" + conf, "cluster", "/", `m1/file["`, "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in := plan.Input{Cluster: "dc1", Graph: &desired.Graph{}, Hosts: map[string]plan.Observed{"m1": {}}}
		targets, err := plan.ParseTargets([]string{text}, in)
		if err == nil && len(targets) != 1 {
			t.Fatalf("%q is neither a target nor an error", text)
		}
	})
}
