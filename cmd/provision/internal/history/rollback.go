package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/history"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/report"
)

// rollback is what one rollback was asked to do.
type rollback struct {
	cli.Application
	write string
	goal  history.Run
	way   provision.Way
}

func RollbackVerb(g *cli.Global) *cobra.Command {
	r := rollback{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "rollback [N | RUN]",
		Short: "Go back to the inventory of an earlier run",
		Long: `Applies the inventory of an earlier run from the hosts' history. Like apply, it
plans, shows what cannot be undone, asks, and runs. N is BACK of "provision
history"; the default 1 is the inventory before the present one. RUN names a run.

After an interrupt or a failure, run the same command again. A rollback that ended
well is a run like others: one more rollback leads back to where it came from.

Variables, env() and file() have today's values. What cannot go back is refused
before anything changes: minor releases of Kubernetes and etcd, the ranges of pods
and services. What was deleted stays deleted.

The inventory files on this machine do not change: the next apply would bring the
newer state back. --write saves the old files; it never overwrites.`,
		Example: `  provision rollback
  provision rollback 2 -i inventories/dc1.hcl
  provision rollback 37-k3x9 --write inventories/dc1-before/
  provision --lab rollback --yes -i inventories/lab.hcl`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.Told(r.run(cmd.Context(), args))
		},
	}
	r.Yes.Flag(cmd)
	cmd.Flags().IntVar(&r.Removals, "allow-removals", 0, "let up to `N` hosts leave the cluster, or a role")
	r.MinorityFlag(cmd)
	cmd.Flags().StringVar(&r.write, "write", "", "write the old inventory to `FILE|FOLDER`, which must not exist")
	return cmd
}

func (r *rollback) run(ctx context.Context, args []string) error {
	if err := r.Askable(); err != nil {
		return err
	}
	var newer []string
	err := withHistory(ctx, r.Application.Global, func(o *provision.Operator, inv *inventory.Inventory, h *provision.History) (err error) {
		if err := r.Yes.Fits(inv.Cluster); err != nil {
			return err
		}
		if r.goal, err = goal(h, args); err != nil {
			return err
		}
		newer = inv.Written.Names()
		return r.prepare(ctx, o, inv, h)
	})
	if err != nil {
		return err
	}
	r.tell()
	if len(r.way.Impossible) > 0 {
		return fmt.Errorf("cannot go back to run %s: %s. Nothing was changed", r.goal.Short(), strings.Join(r.way.Impossible, "; "))
	}
	r.Back = r.goal.ID
	err = r.Apply(ctx)
	if r.Concluded && !r.JSON {
		r.remind(newer)
	}
	if ctx.Err() != nil {
		return &cli.Interrupted{Resume: r.again()}
	}
	return err
}

// goal is the run that the argument means.
func goal(h *provision.History, args []string) (history.Run, error) {
	steps := 1
	if len(args) == 1 {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			r, err := h.Find(args[0])
			if err == nil {
				err = r.Returnable()
			}
			return r, err
		}
		steps = n
	}
	return h.Goal(steps)
}

// prepare reads the inventory to go back to, with the values of today.
func (r *rollback) prepare(ctx context.Context, o *provision.Operator, now *inventory.Inventory, h *provision.History) error {
	sources, err := o.Sources(ctx, h, r.goal)
	if err != nil {
		return err
	}
	if r.write != "" {
		if err := writeSources(r.Application.Global, sources, r.write); err != nil {
			return err
		}
	}
	folder, err := folderOf(now)
	if err != nil {
		return err
	}
	vars, err := cli.SplitVars(r.Vars)
	if err != nil {
		return err
	}
	then, problems := inventory.Parse(ctx, sources.At(folder), inventory.Options{Parts: parts.All(), Vars: vars, VarFiles: r.VarFiles, Env: r.Env})
	if r.Inv, err = r.Checked(then, problems); err != nil {
		return fmt.Errorf("cannot go back to run %s: its inventory is not valid with today's values: %w", r.goal.Short(), err)
	}
	r.way = o.WayBack(ctx, r.Inv, r.goal)
	return nil
}

// folderOf is the folder that has all files of an inventory.
func folderOf(inv *inventory.Inventory) (string, error) {
	files := map[string][]byte{}
	for name := range inv.Written.Files {
		full, err := filepath.Abs(name)
		if err != nil {
			return "", fmt.Errorf("looking for the inventory: %w", err)
		}
		files[full] = nil
	}
	_, folder := history.NewSources(files)
	return folder, nil
}

// tell says where this goes, before the plan.
func (r *rollback) tell() {
	if r.JSON {
		r.Line(struct {
			Type string      `json:"type"`
			Run  history.Run `json:"run"`
			provision.Way
		}{"rollback", r.goal, r.way})
		return
	}
	fmt.Fprintf(r.Out, "Going back to the inventory of run %s: %s on %s by %s.\n", r.goal.Short(), report.Line(what(r.goal)), local(r.goal.Started), report.Line(who(r.goal)))
	for _, note := range r.way.Notes {
		fmt.Fprintf(r.Out, "Note: %s.\n", report.Line(note))
	}
	fmt.Fprintln(r.Out)
}

// remind says what the next apply would do.
func (r *rollback) remind(newer []string) {
	fmt.Fprintf(r.Out, "The inventory here (%s) is still the newer one: the next apply would bring it back.\n", report.Line(strings.Join(newer, ", ")))
	if r.write == "" {
		fmt.Fprintf(r.Out, "To write the one in force now: %s\n", cli.CommandLine(append([]string{"history", "show", r.goal.Short(), "--write", "FOLDER"}, r.where()...)))
	}
}

// where are the flags that name the inventory and the target.
func (r *rollback) where() []string {
	var words []string
	for _, path := range r.Inventory {
		words = append(words, "-i", path)
	}
	if r.Inv != nil {
		if name := r.LabName(r.Inv); name != "" {
			words = append(words, "--lab="+name)
		}
	}
	return words
}

// again is the command that goes on: it names the run, because counting back
// from a rollback leads elsewhere.
func (r *rollback) again() []string {
	words := append([]string{"rollback", r.goal.Short()}, r.where()...)
	if r.Removals > 0 {
		words = append(words, "--allow-removals", strconv.Itoa(r.Removals))
	}
	return words
}

// writeRun writes the inventory of a run.
func writeRun(ctx context.Context, g *cli.Global, o *provision.Operator, h *provision.History, r history.Run, path string) error {
	if r.Sources == "" {
		return r.Returnable()
	}
	sources, err := o.Sources(ctx, h, r)
	if err != nil {
		return err
	}
	return writeSources(g, sources, path)
}

// writeSources puts one file there, or several below a folder. Nothing that
// exists is touched.
func writeSources(g *cli.Global, s history.Sources, path string) error {
	files := s.At(path)
	if len(files) == 1 && strings.HasSuffix(path, ".hcl") {
		for name, content := range files {
			delete(files, name)
			files[path] = content
		}
	} else if err := os.Mkdir(path, 0o700); err != nil {
		return fmt.Errorf("cannot write the inventory to %s: %w; name a new folder inside an existing one", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := create(name, files[name]); err != nil {
			return fmt.Errorf("cannot write the inventory to %s: %w; name one that does not exist yet", path, err)
		}
	}
	fmt.Fprintf(g.Err, "Wrote the inventory of that run to %s.\n", path)
	return nil
}

func create(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
