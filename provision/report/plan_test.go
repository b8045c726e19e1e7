package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/plan"
	"provision/provision/report"
	"provision/provision/resource"
)

func at(host, kind, name string) resource.Address {
	return resource.Address{Host: host, Kind: kind, Name: name}
}

// changing is a plan with one of everything.
func changing() *plan.Plan {
	config := at("m1", "file", "/etc/kubernetes/kubelet.yaml")
	return &plan.Plan{
		Cluster: "dc1", Target: "the real hosts",
		Steps: []plan.Step{
			{Address: config, Action: plan.Update, Changes: []resource.Change{
				{Field: "mode", Old: "0644", New: "0600"},
				{Field: "diff", New: "@@ -1 +1 @@\n-a\n+b\n"},
				{Field: "text", Old: "one\ntwo\n", New: "three\n"},
				{Field: "owner", Old: "root"},
			}},
			{Address: at("m1", "unit", "kubelet.service"), Action: plan.Restart, Act: plan.Restart, Causes: []resource.Address{config, config, config, config, config}},
			{Address: at("m1", "gate", "api"), Action: plan.Wait},
			{Address: at("n1", "file", "/etc/new"), Action: plan.Create, Changes: []resource.Change{{Field: "mode", New: "0644", Create: true}}},
			{Address: at("n1", "swap", "/dev/sdb"), Action: plan.Remove, Irreversible: true},
			{Address: at("cluster", "node", "n1"), Action: plan.Unknown, Changes: []resource.Change{{Field: "uid", Old: "?", New: "later"}}},
		},
		Hosts:    []plan.Host{{Name: "m1"}, {Name: "n2", Error: "host unreachable\nno route"}},
		Warnings: []string{"the API did not answer"},
	}
}

const golden = `Cluster "dc1" on the real hosts (new)

m1
  ~ file["/etc/kubernetes/kubelet.yaml"]
      mode: 0644 → 0600
      diff: @@ -1 +1 @@
      -a
      +b
      text:
      one
      two
      →
      three
      owner: root
  ↻ unit["kubelet.service"]  (restart because of file["/etc/kubernetes/kubelet.yaml"], file["/etc/kubernetes/kubelet.yaml"], file["/etc/kubernetes/kubelet.yaml"], 2 more)

n1
  + file["/etc/new"]
  - swap["/dev/sdb"]  (cannot be undone)

cluster
  ? node["n1"]
      uid: ? → later

n2 is skipped: host unreachable
  no route

Warning: the API did not answer

Plan: 1 to create, 1 to change, 1 to restart or reload, 1 to remove, 1 known later.
`

func written(p *plan.Plan, style report.Style) string {
	var b strings.Builder
	report.Plan(&b, p, style)
	return b.String()
}

func TestPlanText(t *testing.T) {
	assert.Equal(t, golden, written(changing(), report.Style{}))
}

func TestPlanVerboseListsFieldsOfWhatIsCreated(t *testing.T) {
	assert.Contains(t, written(changing(), report.Style{Verbose: true}), "  + file[\"/etc/new\"]\n      mode: 0644\n")
}

func TestPlanColour(t *testing.T) {
	text := written(changing(), report.Style{Color: true})
	assert.Contains(t, text, "\x1b[33m~\x1b[0m file")
	assert.Contains(t, text, "\n\x1b[1mm1\x1b[0m\n")
}

func TestPlanWithTargetsSaysWhatIsLeftOut(t *testing.T) {
	p := changing()
	p.Targets, p.LeftOut, p.UUID = []string{"m1", "n1"}, 7, "u"
	assert.Contains(t, written(p, report.Style{}), "Cluster \"dc1\" on the real hosts\nOnly m1, n1 and what that requires: 7 other steps left out.\n")
}

// What hosts write must not reach the terminal as it is.
func TestPlanIsSafeToShow(t *testing.T) {
	evil := "\x1b]0;pwned\x07\u202e\x9b2J"
	address := resource.Address{Host: "m1" + evil, Kind: "file" + evil + "\n", Name: evil}
	p := &plan.Plan{Cluster: evil, Target: evil, Targets: []string{evil},
		Steps: []plan.Step{{Address: address, Action: plan.Update, Act: plan.Restart, Causes: []resource.Address{address},
			Changes: []resource.Change{{Field: evil, Old: evil, New: evil}, {Field: "x", Old: evil, New: address.String()}}}},
		Hosts: []plan.Host{{Name: evil, Error: evil}}, Warnings: []string{evil}}
	text := written(p, report.Style{})
	assert.Equal(t, report.Clean(text), text)
	assert.Contains(t, text, "\ufffd]0;pwned\ufffd")
}

func TestSummary(t *testing.T) {
	gate := []plan.Step{{Address: at("m1", "gate", "api"), Action: plan.Wait}}
	tests := []struct {
		name string
		plan plan.Plan
		want string
	}{
		{"nothing", plan.Plan{Steps: gate}, "Nothing changes: the cluster matches the inventory."},
		{"nothing for targets", plan.Plan{Targets: []string{"m1"}, LeftOut: 3}, "Nothing changes for the targets; left out elsewhere: 3 steps."},
		{"nothing where one is down", plan.Plan{Hosts: []plan.Host{{Name: "n1", Error: "down"}}}, "Nothing changes on the hosts that answered."},
		{"changes", plan.Plan{Steps: []plan.Step{{Action: plan.Create}, {Action: plan.Reload}, {Action: plan.Restart}}}, "Plan: 1 to create, 0 to change, 2 to restart or reload, 0 to remove."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, report.Summary(&tt.plan)) })
	}
}
