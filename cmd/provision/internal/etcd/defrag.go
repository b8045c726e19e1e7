package etcd

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/etcd"
	"provision/provision/report"
)

// Verb is etcd, with what is done to it.
func Verb(g *cli.Global) *cobra.Command {
	return cli.Group("etcd", "Maintain etcd", backupVerb(g), listVerb(g), restoreVerb(g), defragVerb(g))
}

// defragging is what one defragmentation was asked to do.
type defragging struct {
	cli.Application
	how etcd.Defragment
}

func defragVerb(g *cli.Global) *cobra.Command {
	d := defragging{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "defrag",
		Short: "Defragment etcd's databases and disarm the alarm NOSPACE",
		Long: `Defragments members one after the other. A member does not answer meanwhile, so all
members must be healthy, and the leader hands over and goes last. Members with
less than a third of their database free, or less than 64 MiB, are skipped unless
--all is given.

While a member raises the alarm NOSPACE, its database has reached quota_bytes and
etcd takes no writes. Then old revisions are compacted, all members are
defragmented, and the alarm is disarmed. If objects fill the quota, raise it first.

The alarm CORRUPT is never disarmed: replace the member that raises it.

Exit codes: 0 done, or nothing to gain; 1 not done.`,
		Example: `  provision etcd defrag
  provision etcd defrag --dry-run
  provision --lab etcd defrag --all -i inventories/lab.hcl`,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&d.how.All, "all", false, "defragment every member")
	cmd.Flags().BoolVar(&d.how.DryRun, "dry-run", false, "only show what would be done")
	d.MinorityFlag(cmd)
	return cmd
}

func (d *defragging) run(ctx context.Context) (err error) {
	if d.Inv, err = d.Load(ctx, nil); err != nil {
		return err
	}
	o, err := d.Operate(d.Inv, cli.Notes(&d.Application), func(o *provision.Options) { o.AllowMinority = d.Minority })
	if err != nil {
		return err
	}
	defer o.Close()
	out, err := o.Defragment(ctx, d.how)
	if d.JSON {
		return errors.Join(report.JSON(d.Out, out), err)
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
		fmt.Fprintln(d.Out, "No member has enough free space to gain; use --all to defragment anyway.")
	}
	return err
}

func (d *defragging) show(out etcd.Defragmented) error {
	w := tabwriter.NewWriter(d.Out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ETCD MEMBER\tDB MiB\tIN USE MiB\tDEFRAG")
	for _, m := range out.Members {
		what := "not worth it"
		if m.Worth {
			what = "yes"
		}
		if m.Worth && m.Leads && len(out.Members) > 1 {
			what = "yes, leadership moves first"
		}
		cli.Row(w, m.Name, fmt.Sprintf("%.1f", float64(m.Before)/(1<<20)), fmt.Sprintf("%.1f", float64(m.InUse)/(1<<20)), what)
	}
	return w.Flush()
}
