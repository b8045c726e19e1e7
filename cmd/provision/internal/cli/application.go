package cli

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

// Application is what one apply was asked to do.
type Application struct {
	*Global
	Inv      *inventory.Inventory
	saved    *plan.Plan // nil when there is none
	Yes      consent
	Removals int
	Untested bool
	Minority bool
	Ignore   []string // checks of preflight
	Targets  []string
	// Task is what is done instead of making hosts what the inventory says.
	Task     provision.Task
	Agreed   bool // to the whole, in an earlier part of it
	Progress report.Progress
	// Back is the run that a rollback goes back to.
	Back string
	// Concluded is set when it was said how the run ended.
	Concluded bool
}

func (a *Application) MinorityFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.Minority, "allow-minority", false, "continue without a majority of masters and etcd hosts: only if nobody else is at work")
}

func (a *Application) Run(ctx context.Context, args []string) error {
	saved, args, err := savedPlan(args)
	if err != nil {
		return err
	}
	switch {
	case saved != nil && len(a.Targets) > 0:
		return errors.New("cannot apply the saved plan with --target: a saved plan is applied as it is; drop --target, or plan again with it")
	case a.JSON && !a.Yes.Given() && saved == nil:
		return errors.New("cannot ask for consent with --json: add --yes, or apply a saved plan")
	}
	if err := KnownChecks(a.Ignore); err != nil {
		return err
	}
	if a.Removals < 0 {
		return fmt.Errorf("cannot allow %d removals: give --allow-removals the number of hosts that may leave", a.Removals)
	}
	if a.Inv, err = a.Load(ctx, args); err != nil {
		return err
	}
	if err := a.Yes.Fits(a.Inv.Cluster); err != nil {
		return err
	}
	if a.JSON && !a.Yes.Given() && a.Inv.Cluster.Production() {
		return fmt.Errorf("cannot ask for consent with --json: add --yes=%s", a.Inv.Cluster.Name)
	}
	if saved != nil {
		a.saved, a.Targets = saved, saved.Targets
	}
	return a.Apply(ctx)
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

func (a *Application) Apply(ctx context.Context) error {
	a.Progress = a.Global.Progress(a.Out)
	defer a.Progress.Close()
	o, err := a.Operate(a.Inv, a.Progress.Event, func(o *provision.Options) {
		o.AllowRemovals, o.AllowMinority, o.AllowUntestedOS = a.Removals, a.Minority, a.Untested
		o.Targets, o.IgnorePreflight, o.Task = a.Targets, a.Ignore, a.Task
		if a.saved != nil {
			o.Task = provision.Converge{OneHop: true}
		}
		o.Operation.Back = a.Back
	})
	if err != nil {
		return err
	}
	defer o.Close()
	var running atomic.Bool
	told := context.AfterFunc(ctx, func() {
		if running.Load() {
			fmt.Fprintln(a.Err, "Interrupted: running steps get 10 seconds to finish. Interrupt again to stop at once.")
		}
	})
	defer told()
	outcome, err := o.Apply(ctx, func(p *plan.Plan) (bool, error) {
		agreed, err := a.Approve(p)
		running.Store(agreed)
		return agreed, err
	})
	a.Progress.Close()
	if outcome != nil {
		if a.saved != nil && outcome.Plan.Empty() && !a.saved.Empty() {
			return sameplan(a.saved, outcome.Plan)
		}
		a.Conclude(outcome, err)
		a.Concluded = true
	}
	if a.saved != nil && ctx.Err() != nil {
		// The hosts are on their way: that plan is good no more.
		return &Interrupted{Resume: a.withoutPlan()}
	}
	return err
}

// withoutPlan is the command that goes on where a saved plan was interrupted.
func (a *Application) withoutPlan() []string {
	words := []string{"apply"}
	for _, path := range a.Inventory {
		words = append(words, "-i", path)
	}
	for _, target := range a.Targets {
		words = append(words, "--target", target)
	}
	if a.Removals > 0 {
		words = append(words, "--allow-removals", strconv.Itoa(a.Removals))
	}
	if name := a.LabName(a.Inv); name != "" {
		words = append(words, "--lab="+name)
	}
	return words
}

// Approve shows the plan and asks, unless a saved one or --yes speaks for the
// operator.
func (a *Application) Approve(p *plan.Plan) (bool, error) {
	if live, ok := a.Progress.(interface{ Pause() }); ok {
		live.Pause()
	}
	if a.JSON {
		a.Line(struct {
			Type string `json:"type"`
			Plan any    `json:"plan"`
		}{"plan", Document(p)})
	}
	if a.saved != nil {
		if err := sameplan(a.saved, p); err != nil || a.Yes.Given() || !a.Inv.Cluster.Production() {
			return err == nil, err
		}
	}
	if !a.JSON {
		if err := a.ShowPlan(p); err != nil {
			return false, err
		}
	}
	if a.Yes.Given() || a.Agreed {
		return true, nil
	}
	return a.Consent(a.Inv.Cluster, p.Target, "Apply this")
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
