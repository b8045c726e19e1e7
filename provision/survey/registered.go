package survey

import (
	"slices"

	"provision/provision/component"
	"provision/provision/component/nodes"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/node"
)

// reregistered are the units that must start anew because their host's Node is made
// again, or lacks what they write.
func (sv *Surveyor) reregistered(s *Survey) map[string]plan.Reregistered {
	again := map[string]plan.Reregistered{}
	for _, h := range sv.Fleet.Answered(sv.Fleet.Inventory) {
		a := component.NodeAt(h.Name)
		changes := s.Objects[a].Changes
		made := len(changes) > 0 && changes[0].Field == node.Made
		var units []string
		for field, unit := range nodes.Registered(s.Cluster, h) {
			lacks := slices.ContainsFunc(changes, func(c resource.Change) bool { return c.Field == field })
			if made || lacks {
				units = append(units, unit)
			}
		}
		if len(units) > 0 {
			slices.Sort(units)
			again[h.Name] = plan.Reregistered{Cause: a, Units: units}
		}
	}
	return again
}
