package history

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/fleet"
)

// Reader asks hosts for what they keep.
type Reader struct{ Fleet *fleet.Fleet }

// History is what the masters and etcd hosts tell of the runs so far.
type History struct {
	Log
	// Silent says which of them could not be asked, and why.
	Silent map[string]error
}

// History asks masters and etcd hosts, and no others. Nothing is changed.
func (rd *Reader) History(ctx context.Context) (*History, error) {
	if err := rd.Fleet.IdentifyKeepers(ctx); err != nil {
		return nil, err
	}
	h := &History{Silent: map[string]error{}}
	for name, absent := range rd.Fleet.Absent {
		h.Silent[name] = absent.Why
	}
	kept := map[string]Kept{}
	var mu sync.Mutex
	fleet.Spread(rd.Fleet.Names(), func(name string) {
		result, err := api.History.Call(ctx, rd.Fleet.Members[name].Agent, api.HistoryParams{Runs: true})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			h.Silent[name] = err
			return
		}
		kept[name] = Kept{Sizes: result.Sizes, Runs: result.Content}
	})
	h.Log = Merge(kept)
	return h, ctx.Err()
}

// Steps are the steps of a run's plan.
func (rd *Reader) Steps(ctx context.Context, h *History, r Run) ([]Step, error) {
	var steps []Step
	err := rd.fetch(ctx, h, StepsName(r.ID), func(raw []byte) (err error) {
		steps, err = DecodeSteps(raw)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", r.Short(), err)
	}
	return steps, nil
}

// Sources are the inventory of a run, as it was written.
func (rd *Reader) Sources(ctx context.Context, h *History, r Run) (Sources, error) {
	var sources Sources
	err := rd.fetch(ctx, h, SourcesName(r.Sources), func(raw []byte) (err error) {
		sources, err = DecodeSources(r.Sources, raw)
		return err
	})
	if err != nil {
		return Sources{}, fmt.Errorf("reading the inventory of run %s: %w", r.Short(), err)
	}
	return sources, nil
}

// fetch reads a record from the first host that has a good one.
func (rd *Reader) fetch(ctx context.Context, h *History, name string, decode func([]byte) error) error {
	var errs []error
	for _, host := range h.Has[name] {
		result, err := api.History.Call(ctx, rd.Fleet.Members[host].Agent, api.HistoryParams{Get: name})
		if err == nil {
			if err = decode(result.Content[name]); err == nil {
				return nil
			}
			err = fmt.Errorf("record %s of %s: %w", name, host, err)
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return errors.New("no host that answered still has it")
	}
	return errors.Join(errs...)
}
