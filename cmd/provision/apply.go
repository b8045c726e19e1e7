package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/engine"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/report"
)

func applyVerb(g *global) *cobra.Command {
	var yes, untested bool
	var targets []string
	cmd := &cobra.Command{
		Use:   "apply [INVENTORY | PLAN-FILE]",
		Short: "Make the hosts what the inventory says",
		Long: `Plans, asks, and does it: on all hosts at once, as fast as order and safety
allow. It can be interrupted at any moment and run again. A host that fails does
not stop the others.`,
		Example: `  provision apply
  provision apply --yes inventories/dc1.hcl
  provision --lab apply inventories/lab.hcl
  provision apply tonight.plan -i inventories/dc1.hcl`,
		Args: inventoryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			saved, args, err := savedPlan(args)
			if err != nil {
				return err
			}
			inv, err := g.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			return g.apply(cmd.Context(), inv, saved, yes, func(o *provision.Options) {
				o.AllowUntestedOS, o.Targets = untested, targets
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&untested, "allow-untested-os", false, "take hosts whose operating system is not in the table of supported ones")
	cmd.Flags().StringArrayVar(&targets, "target", nil, "only this `ADDRESS` (HOST or HOST/KIND[\"NAME\"]) and what it requires")
	return cmd
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
	p, err := plan.Decode(raw)
	return p, nil, err
}

func (g *global) apply(ctx context.Context, inv *inventory.Inventory, saved *plan.Plan, yes bool, tune func(*provision.Options)) error {
	progress := g.progress(g.out)
	o, err := g.operate(inv, progress.Event, tune)
	if err != nil {
		return err
	}
	defer o.Close()
	outcome, err := o.Apply(ctx, func(p *plan.Plan) (bool, error) {
		if saved != nil {
			return true, sameplan(saved, p)
		}
		if !g.json {
			if live, ok := progress.(interface{ Pause() }); ok {
				live.Pause()
			}
			if err := g.showPlan(p); err != nil {
				return false, err
			}
		}
		if yes {
			return true, nil
		}
		return g.consent(p, inv.Cluster.Environment == "prod")
	})
	progress.Close()
	if outcome != nil {
		g.conclude(outcome)
	}
	switch {
	case err == nil, ctx.Err() != nil:
		return err
	case outcome != nil && len(outcome.Result.Failed) > 0 && errors.Is(err, ctx.Err()):
		return err
	}
	return err
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

// consent asks; for production the cluster's name must be typed.
func (g *global) consent(p *plan.Plan, prod bool) (bool, error) {
	expect, question := "yes", fmt.Sprintf("Apply this to cluster %q on %s? Type yes: ", p.Cluster, p.Target)
	if prod {
		expect, question = p.Cluster, fmt.Sprintf("This changes production on %s. Type the cluster's name: ", p.Target)
	}
	line, err := g.answer(question)
	return line == expect, err
}

// conclude says how the run ended.
func (g *global) conclude(outcome *provision.Outcome) {
	if g.json {
		_ = report.JSON(g.out, conclusion(outcome)) // a closed output changes nothing
		return
	}
	if outcome.Plan.Empty() {
		fmt.Fprintln(g.out, report.Summary(outcome.Plan))
		return
	}
	r := outcome.Result
	fmt.Fprintf(g.out, "Done: %d steps, %d failed, %d not started.\n", r.Done, len(r.Failed), len(r.Skipped))
	if len(r.Failed)+len(r.Skipped) > 0 {
		fmt.Fprintln(g.out, "Mend what is named above and run the same command again: it goes on from here.")
	}
}

func conclusion(outcome *provision.Outcome) any {
	type failure struct {
		Address string `json:"address"`
		Error   string `json:"error"`
	}
	result := struct {
		Empty   bool          `json:"empty"`
		Done    int           `json:"done"`
		Failed  []failure     `json:"failed"`
		Skipped []engine.Skip `json:"skipped"`
	}{Empty: outcome.Plan.Empty(), Done: outcome.Result.Done, Skipped: outcome.Result.Skipped}
	for _, f := range outcome.Result.Failed {
		result.Failed = append(result.Failed, failure{f.Address.String(), f.Err.Error()})
	}
	return result
}
