package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"provision/provision/cluster"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/resource"
	"provision/provision/resource/drain"
)

// What Care does to Nodes.
const (
	CareDrain    = "drain"
	CareCordon   = "cordon"
	CareUncordon = "uncordon"
)

// Care is what an operator wants done to the Nodes of hosts, one after the other.
type Care struct {
	Act   string
	Hosts []string
	// Unmanaged evicts pods that have no controller, too.
	Unmanaged bool
	// Timeout bounds the wait for the evictions of a Node; 0: as the drain has it.
	Timeout time.Duration
}

// Cared says what became of a host's Node.
type Cared struct {
	Host    string `json:"host"`
	Changed bool   `json:"changed"`
	Error   string `json:"error,omitempty"`
}

// Care drains, cordons or uncordons, under the cluster's lock: an apply that
// drains and lets pods in again does not meanwhile. A Node that fails does not
// keep it from the others, but for drains: the pods of one more Node might find
// no place.
func (o *Operator) Care(ctx context.Context, care Care) ([]Cared, error) {
	return persist(o, func() ([]Cared, error) { return o.care(ctx, care) })
}

func (o *Operator) care(ctx context.Context, care Care) ([]Cared, error) {
	if err := o.fleet.Identify(ctx); err != nil {
		return nil, err
	}
	if o.fleet.Decision.Identity == nil {
		return nil, fmt.Errorf("cannot %s Nodes: cluster %q does not exist yet; make it with: provision apply", care.Act, o.fleet.Inventory.Cluster.Name)
	}
	keepers := o.fleet.Keepers()
	ctx, epoch, release, err := o.lock.Take(ctx, keepers, "node "+care.Act+" "+strings.Join(care.Hosts, " "))
	if err != nil {
		return nil, err
	}
	defer release()
	record := o.runner.RecordActs(ctx, epoch, care.Act, care.Hosts...)
	list, err := o.careForAll(ctx, care)
	record.End(ctx, caredFor(care.Act, list), err)
	return list, err
}

// caredFor is the result for the history.
func caredFor(act string, list []Cared) engine.Result {
	var result engine.Result
	for _, one := range list {
		if one.Error == "" {
			result.Done++
			continue
		}
		at := resource.Address{Host: resource.ClusterHost, Kind: act, Name: one.Host}
		result.Failed = append(result.Failed, engine.Failure{Address: at, Err: errors.New(one.Error)})
	}
	return result
}

// careForAll does it, under the lock.
func (o *Operator) careForAll(ctx context.Context, care Care) ([]Cared, error) {
	env, err := o.api.Env(ctx)
	if err != nil {
		return nil, err
	}
	var list []Cared
	var errs []error
	for _, host := range care.Hosts {
		changed, err := careFor(ctx, env, care, host)
		one := Cared{Host: host, Changed: changed}
		if err != nil {
			one.Error = err.Error()
			errs = append(errs, err)
		}
		list = append(list, one)
		o.fleet.Emit(event.Event{Type: event.Note, Text: one.say(care.Act)})
		if ctx.Err() != nil {
			return list, context.Cause(ctx)
		}
		if err != nil && care.Act == CareDrain {
			break
		}
	}
	return list, errors.Join(errs...)
}

func (c Cared) say(act string) string {
	switch {
	case c.Error != "":
		return fmt.Sprintf("Node %s: %s failed", c.Host, act)
	case !c.Changed:
		return fmt.Sprintf("Node %s: nothing to do", c.Host)
	}
	return fmt.Sprintf("Node %s %sed", c.Host, act)
}

func careFor(ctx context.Context, env *cluster.Env, care Care, host string) (changed bool, err error) {
	spec := drain.Spec{Unmanaged: care.Unmanaged, Timeout: care.Timeout, Stay: care.Act != CareDrain}
	have, err := drain.Kind{}.Observe(ctx, env, host, spec)
	switch {
	case err != nil:
		return false, err
	case !have.Exists:
		return false, fmt.Errorf("cannot %s host %s: the cluster has no Node of that name", care.Act, host)
	case care.Act != CareUncordon:
		changed = len(drain.Kind{}.Diff(host, spec, have)) > 0
		if have.Rollout { // else the next apply would let pods in again
			changed = true
			if err := drain.Cordon(ctx, env, host); err != nil {
				return changed, err
			}
		}
		return changed, drain.Kind{}.Apply(ctx, env, host, spec)
	case have.Isolated:
		return false, fmt.Errorf("cannot uncordon host %s: it is isolated; provision node recover %s proves that it is well, then does it", host, host)
	case !have.Cordoned && !have.Ours:
		return false, nil
	}
	return true, drain.Uncordon(ctx, env, host)
}
