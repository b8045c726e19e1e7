package history

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/history"
	"provision/provision/inventory"
	"provision/provision/report"
)

// shownRuns is how many runs are listed when nobody says.
const shownRuns = 20

func Verb(g *cli.Global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history [N]",
		Short: "Show who changed what, when, and how it ended",
		Long: `Lists the last N runs (default 20) that changed hosts, newest first: who ran what
from where, which plan and inventory, how many steps and hosts, how it ended and
how long it took. A run that was killed, or is running now, is "not finished".
Masters and etcd hosts keep the records.

BACK is the number to give "provision rollback"; 0 is the present inventory. Runs
without a number did not change the inventory, or it was not kept.

Exit codes: 0 success; 1 no host with records answered.`,
		Example: `  provision history
  provision history 50 -i inventories/dc1.hcl
  provision history show 37
  provision --lab history -i inventories/lab.hcl --json`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := shownRuns
			if len(args) == 1 {
				var err error
				if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
					return fmt.Errorf("cannot list %q runs: give a number; to see one run: provision history show RUN", args[0])
				}
			}
			return withHistory(cmd.Context(), g, func(_ *provision.Operator, _ *inventory.Inventory, h *provision.History) error {
				return listRuns(g, h, n)
			})
		},
	}
	cmd.AddCommand(historyShowVerb(g))
	return cmd
}

func historyShowVerb(g *cli.Global) *cobra.Command {
	var write string
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run with its steps",
		Long: `Shows the record of a run, with the steps of its plan. RUN is the id from the
list, or its number alone.

--write saves the inventory of the run to a file or folder that does not exist yet.`,
		Example: `  provision history show 37
  provision history show 37-k3x9 --json
  provision history show 37 --write old/`,
		Args: cli.Exactly(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withHistory(cmd.Context(), g, func(o *provision.Operator, _ *inventory.Inventory, h *provision.History) error {
				r, err := h.Find(args[0])
				if err != nil {
					return err
				}
				if write != "" {
					if err := writeRun(cmd.Context(), g, o, h, r, write); err != nil {
						return err
					}
				}
				steps, err := o.Steps(cmd.Context(), h, r)
				if g.JSON {
					return report.JSON(g.Out, shownRun{describe(h, r), steps})
				}
				showRun(g, h, r)
				if err != nil {
					fmt.Fprintln(g.Err, "Warning:", report.Clean(err.Error()))
				}
				showSteps(g, steps)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&write, "write", "", "write the run's inventory to `FILE|FOLDER`, which must not exist")
	return cmd
}

// withHistory reads the history and hands it on.
func withHistory(ctx context.Context, g *cli.Global, use func(*provision.Operator, *inventory.Inventory, *provision.History) error) error {
	o, err := g.LookAt(ctx, nil)
	if err != nil {
		return err
	}
	defer o.Close()
	h, err := o.History(ctx)
	if err != nil {
		return err
	}
	for _, host := range slices.Sorted(maps.Keys(h.Silent)) {
		fmt.Fprintf(g.Err, "Warning: %s was not asked: %s\n", report.Line(host), report.Clean(h.Silent[host].Error()))
	}
	for _, damaged := range h.Damaged {
		fmt.Fprintln(g.Err, "Warning: passed over:", report.Line(damaged))
	}
	return use(o, o.Inventory, h)
}

// describedRun is a run in JSON.
type describedRun struct {
	history.Run
	Short   string  `json:"run"`
	Outcome string  `json:"outcome"`
	Steps   int     `json:"steps_total"`
	Back    *int    `json:"rollback,omitempty"` // how far it is back
	Seconds float64 `json:"seconds,omitempty"`
}

type shownRun struct {
	describedRun
	Plan []history.Step `json:"plan_steps"`
}

func describe(h *provision.History, r history.Run) describedRun {
	d := describedRun{Run: r, Short: r.Short(), Outcome: r.Outcome(), Seconds: r.Took().Seconds()}
	for _, n := range r.Steps {
		d.Steps += n
	}
	d.Steps -= r.Steps["wait"]
	if at := slices.IndexFunc(h.Back(), func(b history.Run) bool { return b.ID == r.ID }); at >= 0 {
		d.Back = &at
	}
	return d
}

func listRuns(g *cli.Global, h *provision.History, n int) error {
	var list []describedRun
	for _, r := range h.Runs[:min(n, len(h.Runs))] {
		list = append(list, describe(h, r))
	}
	if g.JSON {
		return report.JSON(g.Out, struct {
			Runs    []describedRun `json:"runs"`
			Damaged []string       `json:"damaged,omitempty"`
		}{list, h.Damaged})
	}
	if len(list) == 0 {
		fmt.Fprintln(g.Out, "No run is recorded.")
		return nil
	}
	w := tabwriter.NewWriter(g.Out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "BACK\tRUN\tSTARTED\tWHO\tWHAT\tRESULT\tSTEPS\tHOSTS\tTOOK\tPLAN\tKUBERNETES")
	for _, d := range list {
		back := "-"
		if d.Back != nil {
			back = strconv.Itoa(*d.Back)
		}
		cli.Row(w, back, d.Short, local(d.Started), who(d.Run), what(d.Run), d.Outcome, strconv.Itoa(d.Steps), strconv.Itoa(d.HostCount),
			took(d.Run), d.Run.Plan[:min(8, len(d.Run.Plan))], d.Versions["kubernetes"])
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	if len(h.Runs) > len(list) {
		fmt.Fprintf(g.Out, "%d more: provision history %d\n", len(h.Runs)-len(list), len(h.Runs))
	}
	return nil
}

func local(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

func who(r history.Run) string {
	if r.From != "" {
		return r.Who + " from " + r.From
	}
	return r.Who
}

func what(r history.Run) string {
	if r.Back != "" {
		return r.Verb + " to " + history.Short(r.Back)
	}
	return r.Verb
}

func took(r history.Run) string {
	if !r.Finished() {
		return "-"
	}
	return r.Took().Round(time.Second / 10).String()
}

func showRun(g *cli.Global, h *provision.History, r history.Run) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(g.Out, "%-12s %s\n", name, report.Line(value))
		}
	}
	line("Run", r.Short())
	line("What", what(r)+" on "+r.Target)
	line("Who", who(r)+", provision "+r.Version)
	line("Started", local(r.Started))
	line("Result", strings.TrimSuffix(r.Outcome()+" after "+took(r), " after -"))
	if r.Finished() {
		line("Steps", fmt.Sprintf("%d done, %d failed, %d not started", r.Counts.Done, r.Counts.Failed, r.Counts.NotStarted))
	}
	line("Plan", r.Plan)
	line("Targets", strings.Join(r.Targets, ", "))
	line("Inventory", r.Inventory)
	line("Files", strings.Join(r.Files, ", "))
	line("Variables", strings.Join(append(slices.Clone(r.Vars), slices.Sorted(maps.Keys(r.VarFiles))...), ", "))
	if err := r.Returnable(); err != nil {
		line("Way back", err.Error())
	} else if len(h.Has[history.SourcesName(r.Sources)]) > 0 {
		line("Way back", "provision rollback "+r.Short())
	}
	if r.Error != "" {
		fmt.Fprintf(g.Out, "\nError: %s\n", report.Clean(r.Error))
	}
	for _, f := range r.Failures {
		fmt.Fprintf(g.Out, "  %s: %s\n", report.Line(f.Address), report.Clean(f.Error))
	}
}

func showSteps(g *cli.Global, steps []history.Step) {
	for i, s := range steps {
		if i == 0 {
			fmt.Fprintln(g.Out, "\nIts plan:")
		}
		notes := strings.Join(s.Changes, ", ")
		if notes != "" {
			notes = "  (" + notes + ")"
		}
		fmt.Fprintf(g.Out, "  %-8s %s%s\n", report.Line(s.Action), report.Line(s.Address), report.Line(notes))
	}
}
