package provision

import (
	"context"
	"fmt"
	"strings"

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
		return Rebuilding{}, fmt.Errorf("cannot rebuild host %s: it does not answer: %w", host, o.fleet.Absent[host].Why)
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
