package fleettest

import (
	"context"
	"encoding/json"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/kinds"
)

// gated lets only as many resources be looked at as there are slots. A
// thousand hosts have thousands of processors; here they share a few, and
// without the gate everybody's work would stand before everybody's heartbeats.
type gated struct {
	resource.Kind[*system.System]
	slots chan struct{}
}

func gatedKinds(slots chan struct{}, more []resource.Kind[*system.System]) []resource.Kind[*system.System] {
	var list []resource.Kind[*system.System]
	for _, kind := range append(kinds.Host(), more...) {
		list = append(list, gated{kind, slots})
	}
	return list
}

// Observe implements resource.Kind.
func (g gated) Observe(ctx context.Context, sys *system.System, name string, spec json.RawMessage) (json.RawMessage, error) {
	g.slots <- struct{}{}
	defer func() { <-g.slots }()
	return g.Kind.Observe(ctx, sys, name, spec)
}
