package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/engine"
	"provision/provision/facts"
	"provision/provision/plan"
)

// Rebuilding tells where the rebuild of a host stands.
type Rebuilding struct {
	// Resume: the host was reset already, by a run that did not come to its end.
	Resume bool
	// Elsewhere are changes that wait on other hosts: an apply would do them, too.
	Elsewhere []string
}

// Rebuilding looks, without changing anything.
func (o *Operator) Rebuilding(ctx context.Context, host string) (Rebuilding, error) {
	p, err := o.Plan(ctx)
	if err != nil {
		return Rebuilding{}, err
	}
	known := o.fleet.Known()
	entry, member := known[host]
	m := o.fleet.Members[host]
	if m == nil {
		return Rebuilding{}, fmt.Errorf("cannot rebuild host %s: it does not answer: %w", host, o.fleet.Failed[host])
	}
	switch {
	case !member && m.Facts.Owned.Identity == nil:
		return Rebuilding{Resume: true}, nil
	case entry.Rebuilding && !p.Empty():
		return Rebuilding{Resume: true}, nil
	}
	return Rebuilding{Elsewhere: elsewhere(p, host)}, nil
}

// elsewhere are the steps that have nothing to do with a host.
func elsewhere(p *plan.Plan, host string) []string {
	var list []string
	for _, s := range p.Steps {
		own := s.Address.Host == host || s.Address.IsCluster() && (s.Address.Name == host || strings.HasPrefix(s.Address.Name, host+" "))
		if !own && s.Action != plan.Wait {
			list = append(list, s.Address.String())
		}
	}
	return list
}

// Rebuild sets up anew hosts that were reset: a mark in the roster says so until
// nothing of it is left undone. All else is as in an apply.
type Rebuild struct {
	Converge
	Hosts []string
}

// Mark implements Task.
func (r *Rebuild) Mark(entry *facts.RosterHost, at Progress) {
	entry.Rebuilding = entry.Rebuilding || slices.Contains(r.Hosts, entry.Name) && !at.Rebuilt[entry.Name]
}

// finishRebuilds takes the mark from hosts on which nothing was left undone.
func (o *Operator) finishRebuilds(ctx context.Context, s *survey, result engine.Result, forgotten []string) error {
	undone := map[string]bool{}
	for a := range result.Undone() {
		undone[a.Host], undone[a.Name] = true, true
	}
	known := o.fleet.Known()
	o.progress.Rebuilt = map[string]bool{}
	for _, h := range o.fleet.Inventory.Hosts {
		entry := facts.RosterHost{Name: h.Name, Rebuilding: known[h.Name].Rebuilding}
		o.Task.Mark(&entry, o.progress)
		if entry.Rebuilding && !undone[h.Name] && o.fleet.Members[h.Name] != nil {
			o.progress.Rebuilt[h.Name] = true
		}
	}
	if len(o.progress.Rebuilt) == 0 || ctx.Err() != nil {
		return nil
	}
	return o.writeRoster(ctx, s, forgotten...)
}
