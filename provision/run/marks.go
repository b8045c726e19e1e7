package run

import (
	"context"

	"provision/provision/engine"
	"provision/provision/facts"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/survey"
)

// mark has the roster say that a step is done.
func (s *Steps) mark(ctx context.Context, step resource.Address) error {
	s.roster.Lock()
	defer s.roster.Unlock()
	s.o.progress.Done[step] = true
	return s.o.writeRoster(ctx, s.survey, s.forgotten...)
}

// noteReboots remembers what a plan reboots, for the roster.
func (rn *Runner) noteReboots(p *plan.Plan) {
	rn.progress.Boots = map[string]string{}
	for _, step := range p.Steps {
		if m := rn.Fleet.Members[step.Address.Host]; m != nil && step.Address.Kind == plan.RebootKind {
			rn.progress.Boots[step.Address.Host] = m.Facts.BootID
		}
	}
}

// finishRebuilds takes the mark from hosts on which nothing was left undone.
func (rn *Runner) finishRebuilds(ctx context.Context, s *survey.Survey, result engine.Result, forgotten []string) error {
	undone := map[string]bool{}
	for a := range result.Undone() {
		undone[a.Host], undone[a.Name] = true, true
	}
	known := rn.Fleet.Known()
	rn.progress.Rebuilt = map[string]bool{}
	for _, h := range rn.Fleet.Inventory.Hosts {
		entry := facts.RosterHost{Name: h.Name, Rebuilding: known[h.Name].Rebuilding}
		rn.Surveyor.Task.Mark(&entry, rn.progress)
		if entry.Rebuilding && !undone[h.Name] && rn.Fleet.Members[h.Name] != nil {
			rn.progress.Rebuilt[h.Name] = true
		}
	}
	if len(rn.progress.Rebuilt) == 0 || ctx.Err() != nil {
		return nil
	}
	return rn.writeRoster(ctx, s, forgotten...)
}
