package care

import (
	"context"
	"errors"
	"fmt"
	"time"

	"provision/provision/cluster"
	"provision/provision/engine"
	"provision/provision/resource"
	"provision/provision/resource/drain"
)

// What an Action does to Nodes.
const (
	Drain    = "drain"
	Cordon   = "cordon"
	Uncordon = "uncordon"
)

// Action is what an operator wants done to the Nodes of hosts, one after the other.
type Action struct {
	Act   string
	Hosts []string
	// Unmanaged evicts pods that have no controller, too.
	Unmanaged bool
	// Timeout bounds the wait for the evictions of a Node; 0: as the drain has it.
	Timeout time.Duration
}

// Outcome says what became of a host's Node.
type Outcome struct {
	Host    string `json:"host"`
	Changed bool   `json:"changed"`
	Error   string `json:"error,omitempty"`
}

// Result is the result for the history.
func Result(act string, list []Outcome) engine.Result {
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

// Do does it, under the cluster's lock; told is given a line for each Node. A Node
// that fails does not keep it from the others, but for drains: the pods of one
// more Node might find no place.
func (c Action) Do(ctx context.Context, env *cluster.Env, told func(text string)) ([]Outcome, error) {
	var list []Outcome
	var errs []error
	for _, host := range c.Hosts {
		changed, err := c.one(ctx, env, host)
		one := Outcome{Host: host, Changed: changed}
		if err != nil {
			one.Error = err.Error()
			errs = append(errs, err)
		}
		list = append(list, one)
		told(one.say(c.Act))
		if ctx.Err() != nil {
			return list, context.Cause(ctx)
		}
		if err != nil && c.Act == Drain {
			break
		}
	}
	return list, errors.Join(errs...)
}

func (c Outcome) say(act string) string {
	switch {
	case c.Error != "":
		return fmt.Sprintf("Node %s: %s failed", c.Host, act)
	case !c.Changed:
		return fmt.Sprintf("Node %s: nothing to do", c.Host)
	}
	return fmt.Sprintf("Node %s %sed", c.Host, act)
}

func (c Action) one(ctx context.Context, env *cluster.Env, host string) (changed bool, err error) {
	spec := drain.Spec{Unmanaged: c.Unmanaged, Timeout: c.Timeout, Stay: c.Act != Drain}
	have, err := drain.Kind{}.Observe(ctx, env, host, spec)
	switch {
	case err != nil:
		return false, err
	case !have.Exists:
		return false, fmt.Errorf("cannot %s host %s: the cluster has no Node of that name", c.Act, host)
	case c.Act != Uncordon:
		changed = len(drain.Kind{}.Diff(host, spec, have)) > 0
		if have.Rollout { // else the next apply would let pods in again
			changed = true
			if err := drain.Cordon(ctx, env, host); err != nil {
				return changed, err
			}
		}
		return changed, drain.Kind{}.Apply(ctx, env, host, spec)
	case have.Isolated:
		return false, fmt.Errorf("cannot uncordon host %s: it is isolated; use: provision node recover %s", host, host)
	case !have.Cordoned && !have.Ours:
		return false, nil
	}
	return true, drain.Uncordon(ctx, env, host)
}
