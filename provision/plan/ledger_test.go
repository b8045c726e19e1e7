package plan_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/plan"
	"provision/provision/resource"
)

// departing is a world in which a database leaves, and what used it.
func departing(t *testing.T) plan.Input {
	in := world(t)
	in.Objects = map[resource.Address]plan.ClusterObserved{role.Address: {Changes: []resource.Change{{Field: "subjects", New: "x"}}}}
	in.Ledger = plan.Ledger{Access: gate, Leaving: []plan.Departing{
		{Address: at("cluster", "release", "app"), Changes: []resource.Change{{Field: "release", Old: "x/app", New: "uninstalled"}}},
		{Address: at("cluster", "release", "db"), Irreversible: true, After: []resource.Address{at("cluster", "release", "app"), role.Address, at("cluster", "release", "unchanged")}},
	}}
	seen := in.Hosts["m1"]
	seen.Result.Removed = []facts.Resource{{ID: `image["db"]`}, {ID: `file["/etc/db"]`}}
	in.Hosts["m1"] = seen
	return in
}

func TestWhatLeavesTheClusterLeavesInReverse(t *testing.T) {
	p := plan.Build(departing(t))
	app, db := find(t, p, at("cluster", "release", "app")), find(t, p, at("cluster", "release", "db"))
	assert.Equal(t, plan.Remove, app.Action)
	assert.Equal(t, []resource.Address{gate}, app.Requires, "once the API takes changes")
	assert.True(t, db.Irreversible)
	assert.Subset(t, db.Requires, []resource.Address{app.Address, role.Address}, "what used it goes, or changes, before")
	assert.Equal(t, plan.Wait, find(t, p, gate).Action)
	assert.Subset(t, find(t, p, at("m1", "image", "db")).Requires, []resource.Address{app.Address, db.Address}, "pods end before their images go")
}

func TestATargetDoesNotTakeAlongWhatLeavesTheCluster(t *testing.T) {
	for text, want := range map[string]int{
		"m1": 0, `cluster/release["app"]`: 1, `cluster/release["db"]`: 2, "cluster": 2,
	} {
		in := departing(t)
		var err error
		in.Targets, err = plan.ParseTargets([]string{text}, in)
		require.NoError(t, err, text)
		removed := 0
		for _, s := range plan.Build(in).Steps {
			if s.Action == plan.Remove && s.Address.IsCluster() {
				removed++
			}
		}
		assert.Equal(t, want, removed, text)
	}
}

func TestALedgerThatIsLostIsShown(t *testing.T) {
	in := world(t)
	in.Objects = nil
	in.Ledger = plan.Ledger{Access: gate, Lost: "there is none", Adopt: []resource.Address{role.Address}}
	s := find(t, plan.Build(in), plan.LedgerAddress("dc1"))
	assert.Equal(t, []resource.Change{{Field: "ledger", Old: "there is none", New: "rewritten"}, {Field: "records", New: `object["role"]`}}, s.Changes)
	in.Ledger.Adopt = nil
	assert.Empty(t, plan.Build(in).Steps, "nothing is there to be recorded")
}

func TestWhatCannotBeToldOfARemovalIsAnError(t *testing.T) {
	in := world(t)
	in.Ledger = plan.Ledger{Access: gate, Leaving: []plan.Departing{{Address: at("cluster", "toy", "x"), Err: errors.New("kind unknown")}}}
	s := find(t, plan.Build(in), at("cluster", "toy", "x"))
	assert.Equal(t, []resource.Change{{Field: "error", New: "kind unknown"}}, s.Changes)
}
