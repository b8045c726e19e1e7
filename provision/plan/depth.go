package plan

import "provision/provision/resource"

// Depths is, for each step, how many steps at most still follow one another
// behind it: its place on the critical path. What has the greatest depth
// should start first.
func (p *Plan) Depths() map[resource.Address]int {
	next := map[resource.Address][]resource.Address{}
	for _, s := range p.Steps {
		for _, before := range s.Requires {
			next[before] = append(next[before], s.Address)
		}
		for _, before := range s.Of {
			next[before] = append(next[before], s.Address)
		}
	}
	depths := map[resource.Address]int{}
	var depth func(a resource.Address) int
	depth = func(a resource.Address) int {
		if known, ok := depths[a]; ok {
			return known
		}
		depths[a] = 0 // a cycle, were there one, must not hang
		deepest := 0
		for _, n := range next[a] {
			deepest = max(deepest, depth(n)+1)
		}
		depths[a] = deepest
		return deepest
	}
	for _, s := range p.Steps {
		depth(s.Address)
	}
	return depths
}
