package run

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/authority"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/history"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/survey"
)

// Operation is what a run is called in the history, and who runs it.
type Operation struct {
	Verb    string // "apply"
	Back    string // the run that a rollback goes back to
	From    string // where the operator is logged in from, if that is known
	Version string // of provision
}

// keepWithin bounds how long a keeper may take to note something. A run does not
// fail for want of a record.
const keepWithin = 10 * time.Second

// Chronicle is the record of one run, on the masters and etcd hosts that it has
// locked.
type Chronicle struct {
	o       *Runner
	run     history.Run
	plan    *plan.Plan
	Keepers map[string]api.Caller
	sources []byte // nil: they cannot be kept
	absent  error  // of hosts that are skipped
}

// Record notes that a run begins. Every verb that changes hosts calls it, when it
// has the lock and consent and before it changes anything; end notes how it ended.
// A run that is killed in between shows as not finished.
func (rn *Runner) Record(ctx context.Context, p *plan.Plan, epoch uint64) *Chronicle {
	keepers := map[string]api.Caller{}
	for _, name := range rn.Fleet.Keepers() {
		keepers[name] = rn.Fleet.Members[name].Agent
	}
	return rn.RecordOn(ctx, p, epoch, keepers, p.Targets)
}

// RecordOn is record for keepers, and targets, that are others than usual.
func (rn *Runner) RecordOn(ctx context.Context, p *plan.Plan, epoch uint64, keepers map[string]api.Caller, targets []string) *Chronicle {
	c := &Chronicle{o: rn, plan: p, Keepers: keepers, absent: survey.Incomplete(p)}
	salt, err := authority.UUID()
	if err != nil {
		salt = "0000" // runs without a number of their own are still in order
	}
	c.run = history.Run{
		ID: history.NewID(epoch, salt), Verb: rn.Operation.Verb, Back: rn.Operation.Back,
		Who: whoOf(rn.Lock.Holder), From: rn.Operation.From, Version: rn.Operation.Version, Started: rn.Fleet.Now().UTC(),
		Cluster: rn.Fleet.Inventory.Cluster.Name, Target: rn.Fleet.Target(), Plan: p.Hash(), Inventory: p.Inventory, Targets: targets,
		Steps: map[string]int{},
	}
	for action, n := range p.Count() {
		c.run.Steps[string(action)] = n
	}
	c.run.Hosts = slices.Sorted(maps.Keys(p.Touches()))
	c.run.HostCount = len(c.run.Hosts)
	c.run.Versions = maps.Clone(c.o.Fleet.Inventory.Cluster.Versions)
	c.inventory()
	files := map[string][]byte{}
	if steps, err := history.EncodeSteps(stepsOf(p)); err == nil {
		files[history.StepsName(c.run.ID)] = steps
	}
	c.keep(ctx, files, c.putOn)
	rn.Keys.Point("recorded " + c.run.Verb)
	return c
}

// RecordActs is record for verbs that act without a plan: what they do to what.
// Such a run leads to no state that an inventory describes.
func (rn *Runner) RecordActs(ctx context.Context, epoch uint64, act string, names ...string) *Chronicle {
	p := &plan.Plan{Cluster: rn.Fleet.Inventory.Cluster.Name, Target: rn.Fleet.Target(), Inventory: rn.Keys.InventoryDigest(), Targets: names}
	for _, name := range names {
		p.Steps = append(p.Steps, plan.Step{Address: resource.Address{Host: resource.ClusterHost, Kind: act, Name: name}, Action: plan.Update})
	}
	c := rn.Record(ctx, p, epoch)
	c.absent = nil
	return c
}

// Recorded does something that is one act on what is named, and records it.
func (rn *Runner) Recorded(ctx context.Context, epoch uint64, act, name string, do func() error) error {
	c := rn.RecordActs(ctx, epoch, act, name)
	err := do()
	var result engine.Result
	if err == nil {
		result.Done = 1
	}
	c.End(ctx, result, err)
	return err
}

// whoOf leaves the process out of a lock holder's name.
func whoOf(holder string) string {
	who, _, _ := strings.Cut(holder, " (process")
	return who
}

// inventory notes what was read. The inventory itself is kept only when no secret
// stands in it, and when its run has ended well.
func (c *Chronicle) inventory() {
	written := c.o.Fleet.Inventory.Written
	files := map[string][]byte{}
	for name, content := range written.Files {
		if full, err := filepath.Abs(name); err == nil {
			name = full
		}
		files[name] = content
	}
	c.run.Files, c.run.Vars = slices.Sorted(maps.Keys(files)), written.Vars
	for name, digest := range written.VarFiles {
		if c.run.VarFiles == nil {
			c.run.VarFiles = map[string]string{}
		}
		c.run.VarFiles[name] = ""
		if keyed := c.o.Keys.Keyed(); keyed != nil {
			c.run.VarFiles[name] = keyed(digest.Reveal())
		}
	}
	if written.InClear != "" || len(files) == 0 {
		c.run.NoSources = written.InClear
		return
	}
	sources, _ := history.NewSources(files)
	var err error
	if c.run.Sources, c.sources, err = sources.Encode(); err != nil {
		c.run.Sources, c.sources, c.run.NoSources = "", nil, err.Error()
	}
	if len(c.sources) > api.MaxHistoryFile {
		c.sources, c.run.NoSources = nil, "it is too large"
	}
}

func stepsOf(p *plan.Plan) []history.Step {
	list := make([]history.Step, 0, len(p.Steps))
	for _, s := range p.Steps {
		if s.Action == plan.Wait {
			continue
		}
		step := history.Step{Address: s.Address.String(), Action: string(s.Action), Irreversible: s.Irreversible}
		for _, change := range s.Changes {
			step.Changes = append(step.Changes, change.Field)
		}
		list = append(list, step)
	}
	return list
}

// End notes how the run ended, also when its context has.
func (c *Chronicle) End(ctx context.Context, result engine.Result, err error) {
	c.run.Ended = c.o.Fleet.Now().UTC()
	c.run.Counts = history.Counts{Done: result.Done, Failed: len(result.Failed), NotStarted: len(result.Skipped)}
	for _, f := range result.Failed {
		c.run.Failures = append(c.run.Failures, history.Failure{Address: f.Address.String(), Error: f.Err.Error()})
	}
	switch {
	case err == nil:
		c.run.Result = history.Done
	case ctx.Err() != nil:
		c.run.Result = history.Stopped
	case result.Err() == nil && c.absent != nil && err.Error() == c.absent.Error():
		c.run.Result = history.Incomplete
	default:
		c.run.Result = history.Failed
	}
	if err != nil {
		c.run.Error = err.Error()
	}
	files := map[string][]byte{}
	if c.run.Whole() && c.sources != nil {
		files[history.SourcesName(c.run.Sources)] = c.sources
	}
	c.forsake(result)
	c.keep(context.WithoutCancel(ctx), files, c.sweepOn)
}

// forsake leaves out the keepers that gave the cluster up in this run: nothing of
// it is to be left there.
func (c *Chronicle) forsake(result engine.Result) {
	undone := result.Undone()
	for _, step := range c.plan.Steps {
		if step.Address.Kind == plan.IdentityKind && step.Action == plan.Remove && !undone[step.Address] {
			delete(c.Keepers, step.Address.Host)
		}
	}
}

// keep puts the run's record, and the files with it, on all keepers.
func (c *Chronicle) keep(ctx context.Context, files map[string][]byte, on func(context.Context, api.Caller, map[string][]byte) error) {
	raw, err := c.run.Encode()
	if err != nil {
		c.o.Fleet.Emit(event.Event{Type: event.Warning, Text: "The history does not record this run: " + err.Error()})
		return
	}
	files[history.RunName(c.run.ID)] = raw
	ctx, cancel := context.WithTimeout(ctx, keepWithin)
	defer cancel()
	for name, err := range fleet.Each(slices.Sorted(maps.Keys(c.Keepers)), func(name string) error { return on(ctx, c.Keepers[name], files) }) {
		if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
			c.o.Fleet.Emit(event.Event{Type: event.Warning, Host: name, Text: "the history there does not record this run: " + err.Error()})
		}
	}
}

// putOn only adds to what is there, in one exchange: a run waits for it before it
// does anything. Where that fails there is no room, perhaps.
func (c *Chronicle) putOn(ctx context.Context, keeper api.Caller, files map[string][]byte) error {
	if err := api.History.Do(ctx, keeper, api.HistoryParams{Put: files}); err == nil || ctx.Err() != nil {
		return err
	}
	return c.sweepOn(ctx, keeper, files)
}

// sweepOn drops what is too old as well.
func (c *Chronicle) sweepOn(ctx context.Context, keeper api.Caller, files map[string][]byte) error {
	have, err := api.History.Call(ctx, keeper, api.HistoryParams{Runs: true})
	if err != nil {
		return err
	}
	put, size := maps.Clone(files), int64(0)
	for file, content := range files {
		if had, ok := have.Sizes[file]; ok && !strings.HasSuffix(file, api.RunSuffix) && had == int64(len(content)) {
			delete(put, file) // inventories are named by what is in them
			continue
		}
		size += int64(len(content))
	}
	drop := slices.DeleteFunc(history.Surplus(history.Kept{Sizes: have.Sizes, Runs: have.Content}, size), func(old string) bool { return files[old] != nil })
	err = api.History.Do(ctx, keeper, api.HistoryParams{Put: put, Drop: drop})
	return err
}
