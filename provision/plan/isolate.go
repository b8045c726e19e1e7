package plan

import (
	"maps"
	"slices"

	"provision/provision/resource"
)

// Isolating is a host that is taken out of service, or back into it.
type Isolating struct {
	Back bool
	// Steps are what that takes: those that are in the plan.
	Steps []resource.Address
}

// IsolationKind is the kind in the addresses of steps that mark a host as
// isolated, or no longer so.
const IsolationKind = "isolation"

// IsolationAddress is the step that does.
func IsolationAddress(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: IsolationKind, Name: host}
}

// isolating plans the marks: before all else a host is marked, and last of all
// no longer.
func (b *builder) isolating() {
	for _, host := range slices.Sorted(maps.Keys(b.in.Isolating)) {
		i, own := b.in.Isolating[host], IsolationAddress(host)
		if i.Back {
			b.put(Step{Address: own, Action: Update, Requires: i.Steps,
				Changes: []resource.Change{{Field: "host", Old: "isolated", New: "in service"}}})
			continue
		}
		b.put(Step{Address: own, Action: Create,
			Changes: []resource.Change{{Field: "host", Old: "in service", New: "isolated: no pods, no requests through balancers; apply keeps it so"}}})
		for _, a := range i.Steps {
			if s := b.steps[a]; s != nil {
				s.Requires = append(slices.Clip(s.Requires), own)
			}
		}
	}
}
