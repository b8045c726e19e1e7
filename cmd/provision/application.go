package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/report"
)

// application is what one apply was asked to do.
type application struct {
	*global
	inv      *inventory.Inventory
	saved    *plan.Plan // nil when there is none
	yes      consent
	removals int
	untested bool
	minority bool
	ignore   []string // checks of preflight
	targets  []string
	// task is what is done instead of making hosts what the inventory says.
	task     provision.Task
	agreed   bool // to the whole, in an earlier part of it
	progress report.Progress
	// back is the run that a rollback goes back to.
	back string
	// concluded is set when it was said how the run ended.
	concluded bool
}

func (a *application) minorityFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.minority, "allow-minority", false, "continue without a majority of masters and etcd hosts: only if nobody else is at work")
}

func (a *application) run(ctx context.Context, args []string) error {
	saved, args, err := savedPlan(args)
	if err != nil {
		return err
	}
	switch {
	case saved != nil && len(a.targets) > 0:
		return errors.New("cannot apply the saved plan with --target: a saved plan is applied as it is; drop --target, or plan again with it")
	case a.json && !a.yes.given() && saved == nil:
		return errors.New("cannot ask for consent with --json: add --yes, or apply a saved plan")
	}
	if err := knownChecks(a.ignore); err != nil {
		return err
	}
	if a.removals < 0 {
		return fmt.Errorf("cannot allow %d removals: give --allow-removals the number of hosts that may leave", a.removals)
	}
	if a.inv, err = a.load(ctx, args); err != nil {
		return err
	}
	if err := a.yes.fits(a.inv.Cluster); err != nil {
		return err
	}
	if a.json && !a.yes.given() && a.inv.Cluster.Production() {
		return fmt.Errorf("cannot ask for consent with --json: add --yes=%s", a.inv.Cluster.Name)
	}
	if saved != nil {
		a.saved, a.targets = saved, saved.Targets
	}
	return a.apply(ctx)
}

// savedPlan reads the argument if it is a plan: JSON, not HCL.
func savedPlan(args []string) (*plan.Plan, []string, error) {
	if len(args) == 0 || strings.HasSuffix(args[0], ".hcl") {
		return nil, args, nil
	}
	info, err := os.Stat(args[0])
	if err != nil || info.IsDir() {
		return nil, args, nil //nolint:nilerr // the inventory's loader says what is wrong
	}
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return nil, nil, fmt.Errorf("reading saved plan: %w", err)
	}
	if !json.Valid(raw) {
		return nil, nil, fmt.Errorf("cannot apply %s: it is neither an inventory (*.hcl) nor a plan that \"provision plan --out\" saved", args[0])
	}
	p, err := plan.Decode(raw)
	return p, nil, err
}

func (a *application) apply(ctx context.Context) error {
	a.progress = a.global.progress(a.out)
	defer a.progress.Close()
	o, err := a.operate(a.inv, a.progress.Event, func(o *provision.Options) {
		o.AllowRemovals, o.AllowMinority, o.AllowUntestedOS = a.removals, a.minority, a.untested
		o.Targets, o.IgnorePreflight, o.Task = a.targets, a.ignore, a.task
		if a.saved != nil {
			o.Task = provision.Converge{OneHop: true}
		}
		o.Operation.Back = a.back
	})
	if err != nil {
		return err
	}
	defer o.Close()
	var running atomic.Bool
	told := context.AfterFunc(ctx, func() {
		if running.Load() {
			fmt.Fprintln(a.err, "Interrupted: running steps get 10 seconds to finish. Interrupt again to stop at once.")
		}
	})
	defer told()
	outcome, err := o.Apply(ctx, func(p *plan.Plan) (bool, error) {
		agreed, err := a.approve(p)
		running.Store(agreed)
		return agreed, err
	})
	a.progress.Close()
	if outcome != nil {
		if a.saved != nil && outcome.Plan.Empty() && !a.saved.Empty() {
			return sameplan(a.saved, outcome.Plan)
		}
		a.conclude(outcome, err)
		a.concluded = true
	}
	if a.saved != nil && ctx.Err() != nil {
		// The hosts are on their way: that plan is good no more.
		return &interrupted{resume: a.withoutPlan()}
	}
	return err
}

// withoutPlan is the command that goes on where a saved plan was interrupted.
func (a *application) withoutPlan() []string {
	words := []string{"apply"}
	for _, path := range a.inventory {
		words = append(words, "-i", path)
	}
	for _, target := range a.targets {
		words = append(words, "--target", target)
	}
	if a.removals > 0 {
		words = append(words, "--allow-removals", strconv.Itoa(a.removals))
	}
	if name := a.labName(a.inv); name != "" {
		words = append(words, "--lab="+name)
	}
	return words
}

// approve shows the plan and asks, unless a saved one or --yes speaks for the
// operator.
func (a *application) approve(p *plan.Plan) (bool, error) {
	if live, ok := a.progress.(interface{ Pause() }); ok {
		live.Pause()
	}
	if a.json {
		a.line(struct {
			Type string `json:"type"`
			Plan any    `json:"plan"`
		}{"plan", document(p)})
	}
	if a.saved != nil {
		if err := sameplan(a.saved, p); err != nil || a.yes.given() || !a.inv.Cluster.Production() {
			return err == nil, err
		}
	}
	if !a.json {
		if err := a.showPlan(p); err != nil {
			return false, err
		}
	}
	if a.yes.given() || a.agreed {
		return true, nil
	}
	return a.consent(a.inv.Cluster, p.Target, "Apply this")
}

// sameplan refuses a saved plan when inventory or hosts have moved on.
func sameplan(saved, now *plan.Plan) error {
	switch {
	case saved.Cluster != now.Cluster || saved.Target != now.Target:
		return fmt.Errorf("cannot apply the saved plan: it is for cluster %q on %s, this is cluster %q on %s",
			saved.Cluster, saved.Target, now.Cluster, now.Target)
	case saved.Inventory != now.Inventory:
		return errors.New("cannot apply the saved plan: the inventory has changed since; plan again")
	case saved.Hash() != now.Hash():
		return errors.New("cannot apply the saved plan: the hosts have changed since; plan again")
	}
	return nil
}
