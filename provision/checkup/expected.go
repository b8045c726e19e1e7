package checkup

import (
	"context"

	"provision/provision/access"
	"provision/provision/authority"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/fleet"
	"provision/provision/resource"
)

// Reader looks at a cluster and changes nothing. Status, doctor, certs status and
// support are made of it.
type Reader struct {
	Fleet      *fleet.Fleet
	Keys       *authority.Keys
	API        access.API
	Components []component.Component
	Store      bundle.Resolver
	// Compare finds what is to change of one resource; see Look.
	Compare func(ctx context.Context, r resource.Resource) ([]resource.Change, error)
}

// Expect works out what hosts must have.
func (rd *Reader) Expect() map[string]*Expectation {
	known := component.Cluster{Inventory: rd.Fleet.Inventory, Facts: rd.Fleet.Facts(), Artifacts: rd.Store}
	if rd.Fleet.Decision.Identity != nil {
		known.Identity = *rd.Fleet.Decision.Identity
	}
	known.PodCIDRs, _ = rd.Fleet.PodRanges() // without them, what can be told is better than nothing
	return Expect(known, rd.Components, rd.Fleet.Answered(rd.Fleet.Inventory))
}

// Checkups are how hosts are looked at.
func (rd *Reader) Checkups(deep bool) Look {
	return Look{Inventory: rd.Fleet.Inventory, Now: rd.Fleet.Now, Deep: deep, Compare: rd.Compare}
}
