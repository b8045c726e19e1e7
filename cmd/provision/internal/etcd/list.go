package etcd

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/backups"
	"provision/provision/etcd/backup/catalog"
	"provision/provision/report"
)

func listVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the backups of etcd at all targets",
		Long: `Reads what lies at the targets of etcd { backup { } }: S3 and SFTP from here, also
when the cluster is gone, and folders through their hosts. A backup is good when it
was proven, and when a copy was read back and still lies whole at its target.

Exit codes: 0 the newest backup is good, not older than max_age, and all targets were
read; 1 not so.`,
		Example: `  provision etcd list
  provision etcd list --json -i inventories/dc1.hcl`,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			inv, err := g.Load(cmd.Context(), nil)
			if err != nil {
				return err
			}
			o, err := g.Operate(inv, g.Waits)
			if err != nil {
				return err
			}
			defer o.Close()
			dial, err := g.DialOut(inv)
			if err != nil {
				return err
			}
			kept, err := o.EtcdBackups(cmd.Context(), dial)
			if err != nil {
				return err
			}
			defer kept.Close()
			aged := backups.Aged(inv, kept.List, time.Now())
			if g.JSON {
				err = report.JSON(g.Out, struct {
					catalog.List
					Aged string `json:"aged,omitempty"`
				}{kept.List, aged})
			} else {
				err = showBackups(g, kept.List, aged)
			}
			if err == nil && (len(kept.Failed) > 0 || len(kept.Problems) > 0 || aged != "") {
				return cli.Exit(cli.ExitError)
			}
			return err
		},
	}
}

func showBackups(g *cli.Global, list catalog.List, aged string) error {
	w := tabwriter.NewWriter(g.Out, 2, 8, 2, ' ', 0)
	if len(list.Backups) > 0 {
		fmt.Fprintln(w, "BACKUP\tTAKEN\tMB\tREVISION\tMEMBERS\tETCD\tKUBERNETES\tSTATE\tSTORED")
	}
	for _, b := range list.Backups {
		fmt.Fprintln(w, strings.Join([]string{b.Name().String(), b.Taken.Local().Format(time.DateTime), fmt.Sprintf("%.1f", float64(b.Snapshot.Size)/1e6), fmt.Sprint(b.Revision),
			fmt.Sprint(len(b.Members)), report.Line(b.Etcd), report.Line(b.Kubernetes), report.Line(backupState(b)), report.Line(stored(b))}, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(list.Failed)) {
		fmt.Fprintf(g.Out, "Target %s cannot be read: %s\n", report.Line(name), report.Line(list.Failed[name]))
	}
	for _, text := range list.Problems {
		fmt.Fprintln(g.Out, report.Line(text))
	}
	if aged != "" {
		fmt.Fprintf(g.Out, "Warning: %s. Take one now: provision etcd backup\n", aged)
	}
	return nil
}

func backupState(b catalog.Backup) string {
	switch {
	case b.Unproven != "":
		return "unproven: " + b.Unproven
	case b.Good():
		return "good"
	}
	return "bad"
}

func stored(b catalog.Backup) string {
	var where []string
	for _, c := range b.Copies {
		switch {
		case c.Bad != "":
			where = append(where, c.Target+" (bad: "+c.Bad+")")
		case c.Verified == nil:
			where = append(where, c.Target+" (not read back)")
		default:
			where = append(where, c.Target)
		}
	}
	return strings.Join(where, ", ")
}
