package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"provision/provision"
)

func nodeRebootVerb(g *global) *cobra.Command {
	n := nodeCare{application: application{global: g}}
	all, needed := false, false
	cmd := &cobra.Command{
		Use:   "reboot HOST… | --all [--if-needed]",
		Short: "Reboot hosts one after the other, drained",
		Long: `Reboots hosts as an upgrade replaces kubelets: masters and etcd hosts one by one,
then a first worker, then the others in waves (rollout { } in the inventory). Each
Node is drained before, and takes pods again when its host runs another boot, its
services answer and its kubelet reports Ready. What fails stops all that follows;
the other Nodes serve.

It can be interrupted at any moment. The same command goes on where it was, and
reboots no host twice. Changes that wait for an apply go on waiting.

--if-needed leaves out hosts that need no boot. One that does says why in the plan:
updated packages ask for it (Debian and Ubuntu), a newer kernel is installed than
the one that runs, or fewer huge pages are set aside than the inventory says.

A master or etcd host is not rebooted while another etcd member is down, nor when no
other master serves. With --all, hosts that do not answer are left out.

Exit codes: 0 all are rebooted and well; 1 not all: run it again.`,
		Example: `  provision node reboot node-07
  provision node reboot --all --if-needed
  provision node reboot --yes --all --timeout 30m
  provision --lab node reboot --yes -i inventories/small.hcl node-1`,
		ValidArgsFunction: g.completeHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			return n.told(n.reboot(cmd.Context(), args, all, needed))
		},
	}
	n.yes.flag(cmd)
	n.minorityFlag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all hosts of the inventory")
	cmd.Flags().BoolVar(&needed, "if-needed", false, "only those that need it")
	cmd.Flags().DurationVar(&n.timeout, "timeout", 0, "how long a host may take to come back (default 15m0s)")
	return cmd
}

// reboot is an apply that is limited to reboots.
func (n *nodeCare) reboot(ctx context.Context, args []string, all, needed bool) error {
	switch {
	case all && len(args) > 0:
		return errors.New("cannot reboot --all and some: name hosts, or give --all")
	case !all && len(args) == 0:
		return errors.New("cannot tell what to reboot: name hosts, or give --all")
	}
	if err := n.beginOn(ctx, args); err != nil {
		return err
	}
	if all {
		n.hosts = nil
		for _, h := range n.inv.Hosts {
			n.hosts = append(n.hosts, h.Name)
		}
	}
	n.task = &provision.Reboot{Hosts: n.hosts, All: all, IfNeeded: needed, Within: n.timeout}
	return n.apply(ctx)
}
