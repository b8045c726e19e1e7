package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/event"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/report"
)

// Plan makes a plan and shows it.
func (g *Global) Plan(ctx context.Context, inv *inventory.Inventory, tune func(*provision.Options)) (*plan.Plan, error) {
	progress := g.Progress(g.Err)
	o, err := g.Operate(inv, quiet(progress.Event), tune)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	p, err := o.Plan(ctx)
	progress.Close()
	if err != nil {
		return nil, err
	}
	return p, g.ShowPlan(p)
}

func (g *Global) TargetFlag(cmd *cobra.Command, targets *[]string) {
	cmd.Flags().StringArrayVar(targets, "target", nil, "only this `ADDRESS` and what it requires: HOST, cluster, or HOST/KIND[\"NAME\"] (repeatable)")
	g.completeTargets(cmd)
}

// PlanExit is 1 when hosts were skipped, whatever else is true.
func PlanExit(p *plan.Plan, detailed bool) error {
	switch {
	case p.Incomplete():
		return Exit(ExitError)
	case detailed && !p.Empty():
		return Exit(exitChanges)
	}
	return nil
}

func (g *Global) ShowPlan(p *plan.Plan) error {
	if g.JSON {
		return report.JSON(g.Out, Document(p))
	}
	report.Plan(g.Out, p, report.Style{Color: g.Color(), Verbose: g.Verbose})
	return nil
}

// Document is the plan as --json shows it.
func Document(p *plan.Plan) any {
	return struct {
		*plan.Plan
		Hash  string `json:"hash"`
		Empty bool   `json:"empty"`
	}{p, p.Hash(), p.Empty()}
}

// SavePlan writes the plan so that a half-written one is never seen.
func SavePlan(path string, p *plan.Plan) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".plan-*")
	if err != nil {
		return CannotWrite("the plan", path, err)
	}
	defer os.Remove(file.Name())
	if err := report.JSON(file, p); err != nil {
		return CannotWrite("the plan", path, err)
	}
	if err := file.Close(); err != nil {
		return CannotWrite("the plan", path, err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return CannotWrite("the plan", path, err)
	}
	return nil
}

// CannotWrite says what to do about a file that cannot be written.
func CannotWrite(what, path string, err error) error {
	if folder := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write %s to %s: there is no folder %s; create it, or name another file with --out", what, path, folder)
	}
	return fmt.Errorf("cannot write %s to %s: %w; name another file with --out", what, path, err)
}

// Progress is the view that fits the outputs.
func (g *Global) Progress(w interface{ Write([]byte) (int, error) }) report.Progress {
	switch {
	case g.JSON:
		return report.JSONLines(w)
	case g.terminal:
		return report.Live(w, time.Now(), g.Width)
	}
	return report.Plain(w, time.Now())
}

// quiet drops phases and notes: a plan that takes a second needs no story.
func quiet(sink event.Sink) event.Sink {
	return func(e event.Event) {
		if e.Type != event.HostFailed { // the plan itself shows them
			sink(e)
		}
	}
}
