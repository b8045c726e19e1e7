package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/authority"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/identity"
	"provision/provision/lock"
	"provision/provision/plan"
)

// Rotation replaces an authority or a key by another one.
type Rotation struct {
	// Name is cluster, etcd, front-proxy, service-account or encryption.
	Name string
	// Hurry leaves out the waits for those who only learn in time of a new
	// authority, or still use what the old key signed.
	Hurry bool
}

// Rotated is how far a rotation came.
type Rotated struct {
	Name  string `json:"name"`
	Done  bool   `json:"done"`
	Phase string `json:"phase,omitempty"`
	// Until is when it can go on, if it waits.
	Until time.Time `json:"until,omitzero"`
}

// Rotate goes on with a rotation, or begins it, until it is over or must wait.
// Each phase is a generation of the identity that all hosts know, and what they
// do with it is an ordinary apply: killed at any point, the next run finds the
// phase in the ledgers and goes on, and an apply meanwhile keeps it.
func (o *Operator) Rotate(ctx context.Context, r Rotation, approve Approve) (*Rotated, error) {
	item, ok := identity.Rotatable()[r.Name]
	if !ok {
		return nil, fmt.Errorf("cannot rotate %q: it must be one of %s", r.Name, strings.Join(slices.Sorted(maps.Keys(identity.Rotatable())), ", "))
	}
	out := &Rotated{Name: r.Name}
	for again := 0; ; again++ {
		outcome, err := o.Apply(ctx, func(p *plan.Plan) (bool, error) {
			if again >= stubborn {
				return false, fmt.Errorf("the hosts keep differing from the inventory; run provision plan and find what changes them (%s)", firstSteps(p))
			}
			if err := o.undisturbed(item, p); err != nil {
				return false, err
			}
			return approve(p)
		})
		if o.fleet.Decision.Identity != nil {
			out.Phase = o.keys.Turn(item).Phase
		}
		if err != nil {
			return out, err
		}
		if outcome.Plan.Empty() {
			again = -1
			if over, err := o.goOn(ctx, item, r, out); over || err != nil {
				return out, err
			}
		}
		o.fleet.Close()
		o.startOver(nil)
	}
}

// stubborn is how often in a row hosts are made as a phase wants them before
// somebody has to look who changes them.
const stubborn = 5

// goOn has the next phase begin, unless it is too early for it.
func (o *Operator) goOn(ctx context.Context, item string, r Rotation, out *Rotated) (over bool, err error) {
	// Operators take turns, so the time is that of the hosts.
	now := o.fleet.ClusterTime()
	ahead := now.Sub(o.fleet.Now())
	next, until := identity.Next(item, o.keys.Turn(item), now, r.Hurry)
	if out.Until = until; !until.IsZero() {
		return true, nil
	}
	err = o.advance(ctx, item, next, r.Name, ahead)
	var overtaken *lock.OvertakenError
	switch {
	case errors.As(err, &overtaken):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("rotating %s: %w", r.Name, err)
	}
	out.Phase, out.Done = next, next == ""
	return out.Done, nil
}

// firstSteps are the addresses of the first few steps of a plan.
func firstSteps(p *plan.Plan) string {
	var names []string
	for _, step := range p.Steps[:min(3, len(p.Steps))] {
		names = append(names, step.Address.String())
	}
	return strings.Join(names, ", ")
}

// undisturbed refuses to begin a rotation together with other changes, or with
// another rotation. Telling hosts what they missed is no change.
func (o *Operator) undisturbed(item string, p *plan.Plan) error {
	if o.fleet.Decision.Identity == nil {
		return fmt.Errorf("cannot rotate: cluster %q does not exist yet; apply first", o.fleet.Inventory.Cluster.Name)
	}
	if o.keys.Turn(item).Phase != "" {
		return nil
	}
	for _, step := range p.Steps {
		if step.Action != plan.Wait && step.Address.Kind != plan.IdentityKind {
			return errors.New("cannot start a rotation: the hosts differ from the inventory; see provision plan, then apply")
		}
	}
	return nil
}

// advance has all hosts, whose clocks are so far ahead, know the next phase.
// Nothing differs from the inventory at this point, and all hosts answer.
func (o *Operator) advance(ctx context.Context, item, next, name string, ahead time.Duration) error {
	if err := o.rotatable(ctx, item); err != nil {
		return err
	}
	if err := o.api.Turning(ctx, item, next, *o.fleet.Decision.Identity); err != nil {
		return err
	}
	names := o.fleet.Names()
	ctx, epoch, release, err := o.lock.Take(ctx, names, "rotation of "+name)
	if err != nil {
		return err
	}
	defer release()
	o.fleet.Emit(event.Event{Type: event.Note, Text: "Rotation of " + name + ": " + authority.PhaseMeans(next)})
	id := o.fleet.Decision.Identity
	base := api.IdentityParams{Epoch: epoch, UUID: id.UUID, Cluster: id.Cluster, CALife: o.fleet.Inventory.PKI.CALife, Generation: id.Generation + 1}
	return o.runner.Recorded(ctx, epoch, "rotation", name, func() error {
		return o.keys.TurnTo(ctx, base, item, facts.Turn{Phase: next, Since: o.fleet.Now().Add(ahead).UTC()})
	})
}

// rotatable refuses where a host that restarts could take the cluster with it.
func (o *Operator) rotatable(ctx context.Context, item string) error {
	if len(o.fleet.Decision.Identity.CAs) == 0 || len(o.keys.Holders(item)) == 0 {
		return errors.New("no host holds it")
	}
	for other, turn := range o.fleet.Decision.Identity.Turning {
		if other != item {
			return fmt.Errorf("a rotation of %s is in progress (%s); finish it first", other, turn.Phase)
		}
	}
	if err := o.api.Reach(ctx); err != nil {
		return fmt.Errorf("the API does not answer: %w", err)
	}
	ids, err := o.api.EtcdIDs(ctx)
	if err != nil {
		return fmt.Errorf("asking etcd's members: %w", err)
	}
	for _, h := range o.fleet.EtcdHosts() {
		if _, answers := ids[h.Name]; !answers {
			return fmt.Errorf("etcd's member on %s does not answer; fix it first", h.Name)
		}
	}
	return nil
}
