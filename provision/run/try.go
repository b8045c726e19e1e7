package run

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"provision/provision/access"
	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/component/kubelet"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/binary"
	"provision/provision/resource/drain"
	"provision/provision/trial"
)

// steady is for how long a unit must run with its new settings, unless the options say
// otherwise.
const steady = 5 * time.Second

// keeps are the units for which the agent keeps what a step replaces, to put it back
// if they do not work with what is new. There is no way back from another program.
func (s *Steps) keeps(r resource.Resource) (units []string) {
	for _, t := range r.Triggers {
		unit, _ := s.survey.Graph.Get(component.UnitAt(r.Address.Host, t.Unit))
		if t.Action == resource.Restart && r.Address.Kind != binary.Kind && plan.Travels(unit, r.Address) && !s.reprogrammed(unit.Address) {
			units = append(units, t.Unit)
		}
	}
	return units
}

// reprogrammed reports whether the unit gets another program in this run.
func (s *Steps) reprogrammed(unit resource.Address) bool {
	return slices.ContainsFunc(s.survey.Hosts[unit.Host].Result.Items, func(item api.PlanItem) bool {
		a, err := resource.ParseAddress(unit.Host + "/" + item.ID)
		r, _ := s.survey.Graph.Get(a)
		return err == nil && a.Kind == binary.Kind && slices.ContainsFunc(r.Triggers, func(t resource.Trigger) bool { return t.Unit == unit.Name })
	})
}

// tries reports whether the step restarts a unit for settings that travel in waves.
func (s *Steps) tries(step plan.Step, r resource.Resource) bool {
	return step.Act == plan.Restart && slices.ContainsFunc(step.Causes, func(a resource.Address) bool { return plan.Travels(r, a) })
}

// try restarts a unit for new settings and waits until it is seen to work with them:
// by itself, and, of a kubelet, by what it says of its Node. If it does not, the host
// gets back the settings that it last worked with.
func (s *Steps) try(ctx context.Context, step plan.Step, r resource.Resource, restart func() error) error {
	agent := s.o.Fleet.Members[r.Address.Host].Agent
	params := api.TrialParams{Epoch: s.epoch, Units: []string{r.Address.Name}, Order: s.order(r.Address.Host), URL: s.health(r), Steady: cmp.Or(s.o.Steady, steady), Within: healthDeadline}
	ready := r.Address.Name == kubelet.Unit && s.mustBeReady(ctx, r.Address)
	err := restart()
	if err == nil {
		params.Act = api.TrialWatch
		err = api.Trial.Do(ctx, agent, params)
	}
	if err == nil && ready {
		err = s.reports(ctx, r.Address.Host)
	}
	select {
	case <-agent.Done(): // nobody knows how it is; the next run asks
		return errors.Join(err, agent.Err())
	default:
	}
	if err == nil {
		params.Act = api.TrialPass
		err = api.Trial.Do(ctx, agent, params)
		return err
	}
	if ctx.Err() != nil || s.reprogrammed(r.Address) {
		return err
	}
	s.mu.Lock()
	s.reverted = append(s.reverted, r.Address.Host)
	s.mu.Unlock()
	params.Act = api.TrialRevert
	result, failed := api.Trial.Call(ctx, agent, params)
	return trial.Verdict{
		Unit: r.Address.Name, Host: r.Address.Host, Why: err, Result: result, Failed: failed,
		Written: trial.Written(s.o.Fleet.Inventory.Places, s.inputs(r.Address), s.differences(ctx, r.Address, result)),
	}.Err()
}

// wasReverted reports whether the host was put back in this run.
func (s *Steps) wasReverted(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.reverted, host)
}

// order is that of the units of a host: what others need comes first.
func (s *Steps) order(host string) (units []string) {
	for _, r := range s.survey.Graph.Resources {
		if r.Address.Host == host && r.Waves {
			units = append(units, r.Address.Name)
		}
	}
	return units
}

// health is where a unit answers 200 while it works, if it is a URL.
func (s *Steps) health(r resource.Resource) string {
	for _, c := range s.o.Components {
		for _, live := range c.Gate().Live {
			if live.Unit == r.Address.Name && strings.HasPrefix(live.URL, "http://") {
				return live.URL
			}
		}
	}
	return ""
}

// mustBeReady reports whether the Node is lost if it is not Ready afterwards: it is
// Ready now, or an earlier run has changed it since it was.
func (s *Steps) mustBeReady(ctx context.Context, unit resource.Address) bool {
	if _, unproven := s.survey.Hosts[unit.Host].Result.Unproven[unit.Name]; unproven {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	env, err := s.o.API.Env(ctx)
	if err != nil {
		return false
	}
	object, err := env.Objects.Get(ctx, drain.Ref(unit.Host))
	if err != nil || object == nil {
		return false
	}
	state, err := drain.Read(unit.Host, object)
	return err == nil && state.Ready
}

// inputs are what the unit reads, as it is wanted.
func (s *Steps) inputs(unit resource.Address) (list []resource.Resource) {
	for _, r := range s.survey.Graph.Resources {
		if r.Address.Host == unit.Host && slices.ContainsFunc(r.Triggers, func(t resource.Trigger) bool { return t.Unit == unit.Name }) {
			list = append(list, r)
		}
	}
	return list
}

// differences are those of what was put back from what is wanted; where nothing was,
// those that this run found.
func (s *Steps) differences(ctx context.Context, unit resource.Address, result api.TrialResult) []api.PlanItem {
	if len(result.Reverted) == 0 {
		return s.survey.Hosts[unit.Host].Result.Items
	}
	seen, err := api.Plan.Call(ctx, s.o.Fleet.Members[unit.Host].Agent, api.PlanParams{Resources: s.inputs(unit)})
	if err != nil {
		return nil
	}
	return seen.Items
}
