package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/fleet"
	"provision/provision/history"
	"provision/provision/inventory"
)

// History is what the masters and etcd hosts tell of the runs so far.
type History struct {
	history.Log
	// Silent says which of them could not be asked, and why.
	Silent map[string]error
}

// History asks masters and etcd hosts, and no others. Nothing is changed.
func (o *Operator) History(ctx context.Context) (*History, error) {
	keepers := *o.Inventory
	keepers.Hosts = slices.DeleteFunc(slices.Clone(keepers.Hosts), func(h inventory.Host) bool { return !h.Keeper() })
	whole := o.Inventory
	o.Inventory = &keepers
	defer func() { o.Inventory = whole }()
	if err := o.identify(ctx); err != nil {
		return nil, err
	}
	h := &History{Silent: map[string]error{}}
	for name, err := range o.fleet.Failed {
		h.Silent[name] = err
	}
	kept := map[string]history.Kept{}
	var mu sync.Mutex
	fleet.Spread(o.fleet.Names(), func(name string) {
		result, err := o.fleet.Members[name].Agent.History(ctx, api.HistoryParams{Runs: true})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			h.Silent[name] = err
			return
		}
		kept[name] = history.Kept{Sizes: result.Sizes, Runs: result.Content}
	})
	h.Log = history.Merge(kept)
	return h, ctx.Err()
}

// Steps are the steps of a run's plan.
func (o *Operator) Steps(ctx context.Context, h *History, r history.Run) ([]history.Step, error) {
	var steps []history.Step
	err := o.fetch(ctx, h, history.StepsName(r.ID), func(raw []byte) (err error) {
		steps, err = history.DecodeSteps(raw)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", r.Short(), err)
	}
	return steps, nil
}

// Sources are the inventory of a run, as it was written.
func (o *Operator) Sources(ctx context.Context, h *History, r history.Run) (history.Sources, error) {
	var sources history.Sources
	err := o.fetch(ctx, h, history.SourcesName(r.Sources), func(raw []byte) (err error) {
		sources, err = history.DecodeSources(r.Sources, raw)
		return err
	})
	if err != nil {
		return history.Sources{}, fmt.Errorf("reading the inventory of run %s: %w", r.Short(), err)
	}
	return sources, nil
}

// fetch reads a record from the first host that has a good one.
func (o *Operator) fetch(ctx context.Context, h *History, name string, decode func([]byte) error) error {
	var errs []error
	for _, host := range h.Has[name] {
		result, err := o.fleet.Members[host].Agent.History(ctx, api.HistoryParams{Get: name})
		if err == nil {
			if err = decode(result.Content[name]); err == nil {
				return nil
			}
			err = fmt.Errorf("record %s of %s: %w", name, host, err)
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return errors.New("no host that answered has it any more")
	}
	return errors.Join(errs...)
}
