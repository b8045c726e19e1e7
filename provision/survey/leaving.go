package survey

import "provision/provision/plan"

// leaves says what surrounds the removals, for the plan.
func (sv *Surveyor) leaves(s *Survey) map[string]plan.Leave {
	leaves := map[string]plan.Leave{}
	for name, d := range sv.Fleet.Leaving {
		own := s.Graph.Leaves[name]
		leaves[name] = plan.Leave{Whole: d.Whole, Gone: d.Gone || sv.Fleet.Members[name] == nil, First: own.First, Last: own.Last}
	}
	return leaves
}
