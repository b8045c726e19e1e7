package survey

import (
	"slices"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/node"
)

// registered are the fields of a host's Node that its services write when they
// start, with the unit of each. A Node that somebody deleted is made again by
// apply, but they would not know: without a label the scheduler looks for, and
// without the address by which other hosts reach its pods.
func (sv *Surveyor) registered(c *component.Cluster, h inventory.Host) map[string]string {
	fields := map[string]string{}
	for _, one := range sv.Components {
		if r, ok := one.(component.Registrar); ok && one.Runs(c, h) {
			field, unit := r.Registers()
			fields[field] = unit
		}
	}
	return fields
}

// anew are the units that must start anew because their host's Node is made
// again, or lacks what they write.
func (sv *Surveyor) anew(s *Survey) map[string]plan.Anew {
	again := map[string]plan.Anew{}
	for _, h := range sv.Fleet.Answered(sv.Fleet.Inventory) {
		a := component.NodeAt(h.Name)
		changes := s.Objects[a].Changes
		made := len(changes) > 0 && changes[0].Field == node.Made
		var units []string
		for field, unit := range sv.registered(s.Cluster, h) {
			lacks := slices.ContainsFunc(changes, func(c resource.Change) bool { return c.Field == field })
			if made || lacks {
				units = append(units, unit)
			}
		}
		if len(units) > 0 {
			slices.Sort(units)
			again[h.Name] = plan.Anew{Cause: a, Units: units}
		}
	}
	return again
}
