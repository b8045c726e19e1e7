package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/access"
	"provision/provision/agent/api"
	"provision/provision/component/kubelet"
	"provision/provision/component/nodes"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/uncordon"
	"provision/provision/survey"
)

// settleDeadline bounds how long a kubelet may take, from its restart on, to
// report that its Node is Ready.
const settleDeadline = 3 * time.Minute

// settled waits until the Node of a host is Ready by its kubelet's own words,
// said after the kubelet's last start: until then the API only repeats what it
// heard before. It is nothing when the Node is not to be uncordoned.
func (s *Steps) settled(ctx context.Context, r resource.Resource) error {
	host := r.Address.Name
	m := s.o.Fleet.Members[host]
	if m == nil {
		return fmt.Errorf("host %s is skipped", host)
	}
	if changes, err := s.o.Surveyor.Observe(ctx, r); err != nil || len(changes) == 0 {
		return err
	}
	err := s.reports(ctx, host)
	if err == nil {
		return nil
	}
	return fmt.Errorf("the Node is not healthy after the change, so it stays cordoned: %w%s", err, s.kubeletLog(m))
}

// reports waits until the Node is Ready by the words of its kubelet, said since it
// was started last.
func (s *Steps) reports(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, settleDeadline)
	defer cancel()
	since, err := s.kubeletSince(ctx, s.o.Fleet.Members[host])
	if err != nil {
		return err
	}
	said := ""
	return s.o.API.NodeReports(ctx, host, since, func(reason string) {
		if reason != said {
			said = reason
			s.o.Fleet.Emit(event.Event{Type: event.Note, Host: host, Text: "Waiting for Node " + host + ": " + reason})
		}
	})
}

// kubeletSince is when the kubelet was started last, by its host's clock, as
// what it reports is.
func (s *Steps) kubeletSince(ctx context.Context, m *fleet.Member) (time.Time, error) {
	health, err := api.Health.Call(ctx, m.Agent, api.HealthParams{Units: []string{kubelet.Unit}})
	if err != nil {
		return time.Time{}, fmt.Errorf("asking %s for its kubelet: %w", m.Host.Name, err)
	}
	if len(health.Units) == 1 && health.Units[0].Running() && !health.Units[0].Since.IsZero() {
		return health.Units[0].Since, nil
	}
	return health.Clock, nil
}

// lastLines of the kubelet's log come with the error.
const lastLines = 5

func (s *Steps) kubeletLog(m *fleet.Member) string {
	ctx, cancel := context.WithTimeout(context.Background(), access.ReachBudget)
	defer cancel()
	log, err := api.Journal.Call(ctx, m.Agent, api.JournalParams{Unit: kubelet.Unit, Lines: lastLines})
	if err != nil || len(log.Lines) == 0 {
		return fmt.Sprintf("; see: provision logs %s %s", m.Host.Name, kubelet.Unit)
	}
	return fmt.Sprintf("; the end of the log of %s on %s:\n%s", kubelet.Unit, m.Host.Name, strings.Join(log.Lines, "\n"))
}

// drainedFor are, by host, the blobs that its drain makes way for. They are
// sent before, so that the Node is away for as short as possible.
func drainedFor(s *survey.Survey, p *plan.Plan) map[string][]string {
	blobs := map[string][]string{}
	for _, step := range p.Steps {
		r, _ := s.Graph.Get(step.Address)
		own := resource.Address{Host: resource.ClusterHost, Kind: drain.Name, Name: step.Address.Host}
		if slices.Contains(step.Requires, own) {
			blobs[step.Address.Host] = append(blobs[step.Address.Host], r.Blobs...)
		}
	}
	return blobs
}

// StillCordoned names the Nodes that this run, or an earlier one, cordoned for a
// change that did not end.
func (rn *Runner) StillCordoned(ctx context.Context, s *survey.Survey, p *plan.Plan, result engine.Result) error {
	undone, skipped := result.Undone(), map[resource.Address]bool{}
	for _, skip := range result.Skipped {
		skipped[skip.Address] = true
	}
	var names []string
	for _, step := range p.Steps {
		a := step.Address
		before := len(s.Objects[a].Changes) > 0
		if a.Kind != uncordon.Name || !undone[a] || skipped[nodes.DrainAt(a.Name)] && !before {
			continue
		}
		names = append(names, a.Name)
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), access.ReachBudget)
	defer cancel()
	stay, unknown := rn.cordonedOf(ctx, s, names)
	var errs []error
	if len(stay) > 0 {
		errs = append(errs, fmt.Errorf("cordoned until their change is done: %s; the other Nodes serve. Fix what failed and apply again, or restore the inventory and apply", strings.Join(stay, ", ")))
	}
	if len(unknown) > 0 {
		errs = append(errs, fmt.Errorf("maybe cordoned (the API does not answer): %s; apply again", strings.Join(unknown, ", ")))
	}
	return errors.Join(errs...)
}

// cordonedOf asks which of the Nodes wait for the end of a change.
func (rn *Runner) cordonedOf(ctx context.Context, s *survey.Survey, names []string) (stay, unknown []string) {
	for _, name := range names {
		r, _ := s.Graph.Get(s.Graph.Guards[name].Uncordon)
		switch changes, err := rn.Surveyor.Observe(ctx, r); {
		case err != nil:
			unknown = append(unknown, name)
		case len(changes) > 0:
			stay = append(stay, name)
		}
	}
	return stay, unknown
}
