package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/etcd"
	"provision/provision/event"
	"provision/provision/report"
)

func etcdVerb(g *global) *cobra.Command {
	return group("etcd", "Care for etcd's data", etcdDefragVerb(g))
}

// defragging is what one defragmentation was asked to do.
type defragging struct {
	application
	how etcd.Defragment
}

func etcdDefragVerb(g *global) *cobra.Command {
	d := defragging{application: application{global: g}}
	cmd := &cobra.Command{
		Use:   "defrag",
		Short: "Give disk space of etcd's databases back, and end the alarm NOSPACE",
		Long: `Has members write their databases anew, one after the other, without the pages
that are free. A member answers nobody meanwhile, so leadership moves away first,
the leader is last, and all members must be healthy. Members that have less than
a third of their database free, or less than 64 MiB, are left alone, unless --all.

While a member raises the alarm NOSPACE, etcd takes no writes: its database has
reached quota_bytes. Then former revisions are dropped, all members defragmented,
and the alarm is disarmed. If objects fill the quota, raise it first.

The alarm CORRUPT is never disarmed: a member that raises it is replaced.

Exit codes: 0 it is done, or nothing was worth it; 1 it is not.`,
		Example: `  provision etcd defrag
  provision etcd defrag --dry-run
  provision --lab etcd defrag --all -i inventories/lab.hcl`,
		Args: noArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&d.how.All, "all", false, "take every member, worth it or not")
	cmd.Flags().BoolVar(&d.how.DryRun, "dry-run", false, "only say what would be done")
	d.minorityFlag(cmd)
	return cmd
}

// noArgs refuses words, with a hint that the inventory goes with -i.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is one word too many for %q; an inventory goes with -i FILE", args[0], cmd.CommandPath())
	}
	return nil
}

func (d *defragging) run(ctx context.Context) (err error) {
	if d.inv, err = d.load(ctx, nil); err != nil {
		return err
	}
	o, err := d.operate(d.inv, d.notes(), func(o *provision.Options) { o.AllowMinority = d.minority })
	if err != nil {
		return err
	}
	defer o.Close()
	out, err := o.Defragment(ctx, d.how)
	if d.json {
		return errors.Join(report.JSON(d.out, out), err)
	}
	if d.how.DryRun && err == nil {
		return d.show(out)
	}
	done := 0
	for _, m := range out.Members {
		if m.After > 0 {
			done++
		}
	}
	if err == nil && done == 0 {
		fmt.Fprintln(d.out, "No member has enough free to be worth it; --all takes them all the same.")
	}
	return err
}

// notes shows what a verb says of its progress.
func (a *application) notes() event.Sink {
	if a.json {
		return event.Discard
	}
	return func(e event.Event) {
		if e.Type == event.Note {
			fmt.Fprintln(a.out, report.Line(e.Text))
		}
	}
}

func (d *defragging) show(out etcd.Defragmented) error {
	w := tabwriter.NewWriter(d.out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ETCD MEMBER\tDB MiB\tIN USE MiB\tDEFRAG")
	for _, m := range out.Members {
		what := "not worth it"
		if m.Worth {
			what = "yes"
		}
		if m.Worth && m.Leads && len(out.Members) > 1 {
			what = "yes, leadership moves first"
		}
		row(w, m.Name, fmt.Sprintf("%.1f", float64(m.Before)/(1<<20)), fmt.Sprintf("%.1f", float64(m.InUse)/(1<<20)), what)
	}
	return w.Flush()
}
