package etcd

import (
	"context"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
)

// backing is one backup that somebody asked for.
type backing struct {
	cli.Application
	local string
}

func backupVerb(g *cli.Global) *cobra.Command {
	b := backing{Application: cli.Application{Global: g}}
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Take a backup of etcd now",
		Long: `Takes a backup beside those of the schedule, on an etcd host that answers: a
snapshot, proven on a copy, encrypted, stored at every target and read back. The
host goes on when this command is interrupted.

With --local the member of that host is backed up as it is, without a quorum or
with its etcd stopped. Such a backup may lack the latest changes and is marked
unproven.

Exit codes: 0 stored everywhere; 1 not everywhere, or not at all.`,
		Example: `  provision etcd backup
  provision etcd backup --local m1`,
		Args: cli.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&b.local, "local", "", "back up the member of this `host` as it is")
	return cmd
}

func (b *backing) run(ctx context.Context) (err error) {
	if b.Inv, err = b.Load(ctx, nil); err != nil {
		return err
	}
	o, err := b.Operate(b.Inv, cli.Notes(&b.Application))
	if err != nil {
		return err
	}
	defer o.Close()
	return o.BackupEtcd(ctx, b.local, b.Out)
}
