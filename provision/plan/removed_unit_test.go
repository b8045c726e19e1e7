package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/plan"
	"provision/provision/resource"
)

// A service stayed enabled when its unit file went before it.
func TestARemovedUnitGoesBeforeItsFile(t *testing.T) {
	seen := plan.Observed{Result: api.PlanResult{Running: []string{"x.service"}, Removed: []facts.Resource{
		{ID: `unit["x.service"]`}, {ID: `file["/etc/systemd/system/x.service"]`, Triggers: map[string]string{"x.service": "restart"}}}}}
	p := plan.Build(plan.Input{Cluster: "c", UUID: "u", Now: time.Unix(1, 0), Graph: graph(t, []string{"m1"}, nil), Hosts: map[string]plan.Observed{"m1": seen}})
	unit := resource.Address{Host: "m1", Kind: "unit", Name: "x.service"}
	requires := map[string][]resource.Address{}
	for _, s := range p.Steps {
		requires[s.Address.Kind] = s.Requires
	}
	assert.Equal(t, []resource.Address{unit}, requires["file"])
	assert.Empty(t, requires["unit"])
}
