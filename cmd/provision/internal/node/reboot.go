package node

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
)

func nodeRebootVerb(g *cli.Global) *cobra.Command {
	n := nodeCare{Application: cli.Application{Global: g}}
	all, needed := false, false
	cmd := &cobra.Command{
		Use:   "reboot HOST… | --all [--if-needed]",
		Short: "Drain and reboot hosts in waves",
		Long: `Reboots hosts in the order of an upgrade: masters and etcd hosts one by one, then a
first worker, then the others in waves (rollout { } in the inventory). Each Node is
drained first. It takes pods again when its host has booted, its services answer
and its kubelet reports Ready. A failure stops all later reboots; the other Nodes
serve.

You can interrupt it at any moment. Run the same command again to continue: it
reboots no host twice. Pending changes wait for apply.

--if-needed skips hosts that need no reboot. The plan says why a host does: updated
packages ask for it (Debian and Ubuntu), a newer kernel is installed than the
running one, or fewer huge pages are set aside than the inventory says.

A master or etcd host is not rebooted while another etcd member is down, or when no
other master serves. With --all, hosts that do not answer are skipped.

Exit codes: 0 all are rebooted and healthy; 1 not all: run it again.`,
		Example: `  provision node reboot node-07
  provision node reboot --all --if-needed
  provision node reboot --yes --all --timeout 30m
  provision --lab node reboot --yes -i inventories/small.hcl node-1`,
		ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return n.Told(n.reboot(cmd.Context(), args, all, needed))
		},
	}
	n.Yes.Flag(cmd)
	n.MinorityFlag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all hosts of the inventory")
	cmd.Flags().BoolVar(&needed, "if-needed", false, "only those that need it")
	cmd.Flags().DurationVar(&n.timeout, "timeout", 0, "how long a host may take to come back (default 15m0s)")
	return cmd
}

// reboot is an apply that is limited to reboots.
func (n *nodeCare) reboot(ctx context.Context, args []string, all, needed bool) error {
	switch {
	case all && len(args) > 0:
		return errors.New("cannot reboot named hosts and --all: use one of them")
	case !all && len(args) == 0:
		return errors.New("cannot tell what to reboot: name hosts, or use --all")
	}
	if err := n.beginOn(ctx, args); err != nil {
		return err
	}
	if all {
		n.hosts = nil
		for _, h := range n.Inv.Hosts {
			n.hosts = append(n.hosts, h.Name)
		}
	}
	n.Task = &provision.Reboot{Hosts: n.hosts, All: all, IfNeeded: needed, Within: n.timeout}
	return n.Apply(ctx)
}
