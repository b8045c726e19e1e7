package plan

import (
	"slices"

	"provision/provision/resource"
	"provision/provision/resource/image"
	"provision/provision/resource/release"
)

// LedgerKind is the kind in the address of the step that records in the cluster's
// ledger what is there already.
const LedgerKind = "ledger"

// LedgerAddress is that step.
func LedgerAddress(cluster string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: LedgerKind, Name: cluster}
}

// Ledger is what the cluster's ledger says. The zero Ledger removes nothing.
type Ledger struct {
	// Leaving are the things in it that nobody wants, last applied first.
	Leaving []Departing
	// Adopt are things that are as wanted and not in it.
	Adopt []resource.Address
	// Lost says why there is no ledger; "" when there is one.
	Lost string
	// Access is the gate behind which the API takes changes.
	Access resource.Address
}

// Departing is a thing of the cluster that leaves.
type Departing struct {
	Address      resource.Address
	Component    string
	Irreversible bool
	// Changes say what its removal does.
	Changes []resource.Change
	// After are those that required it: they go, or change, before.
	After []resource.Address
	// Err says why that is not known.
	Err error
}

// ledger plans what leaves the cluster, and what its ledger lacks.
func (b *builder) ledger() {
	l := b.in.Ledger
	if len(l.Adopt) > 0 {
		s := Step{Address: LedgerAddress(b.in.Cluster), Action: Update, Requires: []resource.Address{l.Access}}
		if l.Lost != "" {
			s.Changes = append(s.Changes, resource.Change{Field: "ledger", Old: l.Lost, New: "rewritten"})
		}
		for _, a := range l.Adopt {
			s.Changes = append(s.Changes, resource.Change{Field: "records", New: a.ID()})
		}
		b.put(s)
	}
	for _, goes := range l.Leaving {
		s := Step{Address: goes.Address, Action: Remove, Component: goes.Component, Irreversible: goes.Irreversible,
			Changes: goes.Changes, Requires: append([]resource.Address{l.Access}, goes.After...)}
		if goes.Err != nil {
			s.Changes = append(slices.Clone(s.Changes), resource.Change{Field: "error", New: goes.Err.Error()})
		}
		b.put(s)
	}
}

// imagesLast lets images stay on hosts until the releases that leave have ended
// their pods.
func (b *builder) imagesLast() {
	var releases []resource.Address
	for _, goes := range b.in.Ledger.Leaving {
		if goes.Address.Kind == release.Name {
			releases = append(releases, goes.Address)
		}
	}
	for _, a := range b.order {
		if s := b.steps[a]; s.Action == Remove && a.Kind == image.Kind && !b.in.Leaving[a.Host].Whole {
			b.turns[a] = append(b.turns[a], releases...)
		}
	}
}
