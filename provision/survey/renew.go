package survey

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/plan"
	"provision/provision/removal"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/identity"
)

// Renewal limits an apply to certificates: those of hosts, copies of their
// authorities', and the units that must read them again.
type Renewal struct {
	Converge
	Hosts []string // none: all
	// All renews each certificate, not only those that are due.
	All bool
}

// covers reports whether the renewal is about a host.
func (r *Renewal) covers(host string) bool {
	return len(r.Hosts) == 0 || slices.Contains(r.Hosts, host)
}

// Scope implements Task.
func (r *Renewal) Scope() Scope {
	scope := Scope{Certificates: true}
	if r.All {
		scope.Reissue = r.covers
	}
	return scope
}

// renewable reports whether a resource is a certificate or a copy of one.
func renewable(r resource.Resource) bool {
	switch r.Address.Kind {
	case cert.Kind:
		return true
	case identity.Kind:
		var spec identity.Spec
		return json.Unmarshal(r.Spec, &spec) == nil && strings.HasSuffix(spec.Item, ".crt")
	}
	return false
}

// Limit implements Task: whatever else differs is left out, even where a unit that
// restarts would have wanted it before.
func (r *Renewal) Limit(_ *Surveyor, s *Survey, in *plan.Input) []string {
	in.Hosts = map[string]plan.Observed{}
	left := 0
	for host, seen := range s.Hosts {
		certs := r.certsOf(s, host)
		kept := seen
		kept.Result.Removed, kept.Result.Restarts, kept.Result.Unproven = nil, map[string]facts.Restart{}, nil
		kept.Result.Items = slices.DeleteFunc(slices.Clone(seen.Result.Items), func(item api.PlanItem) bool { return !certs[item.ID] })
		left += len(seen.Result.Items) - len(kept.Result.Items)
		for unit, open := range seen.Result.Restarts {
			if cause, err := resource.ParseAddress(open.Cause); err == nil && certs[cause.ID()] {
				kept.Result.Restarts[unit] = open
			}
		}
		kept.JoinIdentity = seen.JoinIdentity && len(certs) > 0
		in.Hosts[host] = kept
	}
	in.Objects, in.Leaving, in.Removals, in.Reboots, in.Forming, in.EtcdIs = nil, nil, removal.Set{}, nil, nil, ""
	in.Snapshots = nil
	if s.dark {
		// What is down together comes up together: waiting for the health of the
		// first would be waiting for the others.
		graph := *in.Graph
		graph.OneAtATime, in.Graph = nil, &graph
	}
	if left > 0 {
		in.Warnings = append(slices.Clone(in.Warnings), "this renews certificates only: "+event.Count(left, "other difference")+" from the inventory waits for apply")
	}
	return []string{}
}

// certsOf are the IDs of a host's certificates, if it is a member and meant.
func (r *Renewal) certsOf(s *Survey, host string) map[string]bool {
	ids := map[string]bool{}
	if !r.covers(host) || s.Hosts[host].New {
		return ids
	}
	for _, one := range s.Graph.Resources {
		if one.Address.Host == host && renewable(one) {
			ids[one.Address.ID()] = true
		}
	}
	return ids
}

// darkness finds out whether the cluster cannot be healthy whatever single hosts
// do: its API does not let anyone in, or an authority has ended that its
// programs hold in memory.
func (sv *Surveyor) darkness(ctx context.Context, s *Survey) error {
	if !sv.Task.Scope().Certificates {
		return nil
	}
	if s.dark = s.unreached != nil; s.dark {
		return nil
	}
	paths := map[string][]string{}
	for _, r := range s.Graph.Resources {
		if r.Address.Kind == identity.Kind && renewable(r) {
			paths[r.Address.Host] = append(paths[r.Address.Host], r.Address.Name)
		}
	}
	var mu sync.Mutex
	fleet.Spread(sv.Fleet.Names(), func(name string) {
		health, err := api.Health.Call(ctx, sv.Fleet.Members[name].Agent, api.HealthParams{Certs: paths[name]})
		if err != nil {
			return // it is not for this to say
		}
		mu.Lock()
		defer mu.Unlock()
		for _, c := range health.Certs {
			s.dark = s.dark || c.Error == "" && c.NotAfter.Before(health.Clock)
		}
	})
	return nil
}
