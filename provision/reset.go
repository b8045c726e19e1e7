package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/run"
	"provision/provision/survey"
)

// ResetAlone undoes on hosts all that provision did there, without asking the
// cluster for anything: nothing is drained, no etcd member and no Node is
// removed. That is for a whole cluster that ends, and for hosts whose cluster is
// dead. Without a task that names them it is all hosts, those included that have left
// the inventory.
func (o *Operator) ResetAlone(ctx context.Context, approve Approve) (*run.Outcome, error) {
	bystanders := o.runner.Bystanders()
	if o.fleet.Resetting != nil {
		some := *o.fleet.Inventory
		some.Hosts = nil
		for _, name := range slices.Sorted(maps.Keys(o.fleet.Resetting)) {
			some.Hosts = append(some.Hosts, o.fleet.Resetting[name])
		}
		o.fleet.Inventory = &some
	}
	return retryLocks(o, func() (*run.Outcome, error) { return o.resetAlone(ctx, bystanders, approve) })
}

func (o *Operator) resetAlone(ctx context.Context, bystanders []inventory.Host, approve Approve) (*run.Outcome, error) {
	s, err := o.inventoryOfOwned(ctx)
	if err != nil {
		return nil, err
	}
	p := o.undoing(s)
	if p.Empty() {
		return &run.Outcome{Plan: p}, survey.Incomplete(p)
	}
	locked := o.stepping(p)
	ctx, epoch, release, err := o.lock.Take(ctx, locked, "reset, plan "+p.Hash()[:8])
	if err != nil {
		return nil, err
	}
	defer release()
	o.Point("locked")
	o.compareOwned(ctx, s)
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	p = o.undoing(s)
	if err := agreed(approve(p)); err != nil {
		return nil, err
	}
	seen := o.runner.Witness(ctx, bystanders, epoch, "reset, plan "+p.Hash()[:8])
	defer seen.Close()
	record := o.recordReset(ctx, p, locked, seen)
	o.fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Undoing " + event.Count(len(p.Steps), "step")})
	work := run.NewSteps(o.runner, s, epoch, nil, nil)
	outcome := &run.Outcome{Plan: p}
	outcome.Result = engine.Run(ctx, p, engine.Env{Do: work.Do, Sink: o.fleet.Sink, Now: o.fleet.Now, PerHost: run.PerHost, Grace: run.Grace})
	if err = errors.Join(outcome.Result.Err(), survey.Incomplete(p)); ctx.Err() != nil {
		err = context.Cause(ctx)
	} else {
		o.runner.Commit(ctx, locked)
	}
	record.End(ctx, outcome.Result, err)
	if len(record.Keepers) == 0 {
		o.runner.Unrecorded()
	}
	return outcome, err
}

// recordReset records on the witnesses, and on those of the hosts themselves that
// keep the history: there it stays until nothing else is left to undo. Such a run
// leads to no state that an inventory describes.
func (o *Operator) recordReset(ctx context.Context, p *plan.Plan, locked []string, seen *run.Witnesses) *run.Chronicle {
	keepers := map[string]api.Caller{}
	own, _ := o.fleet.Split(locked)
	for _, name := range own {
		keepers[name] = o.fleet.Members[name].Agent
	}
	for name, agent := range seen.Agents {
		keepers[name] = agent
	}
	return o.runner.RecordOn(ctx, p, seen.Epoch, keepers, locked)
}

// inventoryOfOwned connects, refuses what is another cluster's, and has every
// host tell what is there to be undone.
func (o *Operator) inventoryOfOwned(ctx context.Context) (*survey.Survey, error) {
	o.fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Connecting to " + event.Count(len(o.fleet.Inventory.Hosts), "host")})
	o.fleet.Dial(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(o.fleet.Members) == 0 {
		return nil, o.fleet.Nobody()
	}
	known, err := identity.Of(o.fleet.Inventory, o.fleet.Owned())
	if err != nil {
		return nil, err
	}
	o.fleet.Decision = identity.Decision{Identity: known}
	if o.fleet.Resetting == nil {
		o.fleet.DialLeavers(ctx)
	}
	if err := o.namedOnes(); err != nil {
		return nil, err
	}
	s := &survey.Survey{Cluster: &component.Cluster{Inventory: o.fleet.Inventory}, Graph: &desired.Graph{}}
	o.compareOwned(ctx, s)
	return s, ctx.Err()
}

// namedOnes refuses when one that was named does not answer, or never was
// touched by provision.
func (o *Operator) namedOnes() error {
	bad := map[string]error{}
	for name := range o.fleet.Resetting {
		m := o.fleet.Members[name]
		switch {
		case m == nil:
			bad[name] = o.fleet.Absent[name].Why
		case m.Facts.Owned.Epoch == 0 && !owns(m.Facts.Owned):
			bad[name] = fleet.StrangeHost(name)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("cannot reset, nothing was changed:\n%w", fleet.InOrder(bad))
	}
	o.dropBare()
	if len(o.fleet.Members)+len(o.fleet.Absent) == 0 {
		return survey.ErrNothingToReset
	}
	return nil
}

// dropBare leaves out the hosts on which there is nothing to undo: they are not
// locked, and what they were in the cluster counts no more.
func (o *Operator) dropBare() {
	rest := *o.fleet.Inventory
	rest.Hosts = slices.Clone(rest.Hosts)
	for _, name := range o.fleet.Names() {
		m := o.fleet.Members[name]
		if owns(m.Facts.Owned) {
			continue
		}
		_ = m.Agent.Close() // nothing is done there
		delete(o.fleet.Members, name)
		rest.Hosts = slices.DeleteFunc(rest.Hosts, func(h inventory.Host) bool { return h.Name == name })
	}
	o.fleet.Inventory = &rest
}

// owns reports whether a ledger lists anything that can be undone.
func owns(known facts.Owned) bool {
	return known.Identity != nil || known.Pending != nil || len(known.Resources) > 0
}

func (o *Operator) compareOwned(ctx context.Context, s *survey.Survey) {
	s.Hosts = map[string]plan.Observed{}
	o.surveyor.Compare(ctx, s, o.fleet.Names())
	for name, seen := range s.Hosts {
		if m := o.fleet.Members[name]; m != nil {
			seen.New = m.Facts.Owned.Identity == nil && m.Facts.Owned.Pending == nil
			s.Hosts[name] = seen
		}
	}
}

// undoing is the plan.
func (o *Operator) undoing(s *survey.Survey) *plan.Plan {
	in := plan.Input{Cluster: o.fleet.Inventory.Cluster.Name, Target: o.fleet.Target(), Inventory: o.keys.InventoryDigest(), Now: o.fleet.Now(),
		Graph: s.Graph, Hosts: s.Hosts, Environment: o.fleet.Inventory.Cluster.Environment, UUID: nobodys,
		Leaving: map[string]plan.Leave{}, Warnings: o.surveyor.Destroyed(o.fleet.Names())}
	if o.fleet.Decision.Identity != nil {
		in.UUID = o.fleet.Decision.Identity.UUID
	}
	for _, name := range o.fleet.Names() {
		in.Leaving[name] = plan.Leave{Whole: true, Alone: true}
	}
	return plan.Build(in)
}

// nobodys stands for the UUID where a cluster was never born.
const nobodys = "none"

// stepping are the hosts on which something is undone.
func (o *Operator) stepping(p *plan.Plan) []string {
	changed := p.Touches()
	return slices.DeleteFunc(o.fleet.Names(), func(name string) bool { return !changed[name] })
}
