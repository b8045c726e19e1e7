package main

import (
	"github.com/spf13/cobra"
	"provision/cmd/provision/internal/cli"
)

func applyVerb(g *cli.Global) *cobra.Command {
	a := cli.Application{Global: g}
	cmd := &cobra.Command{
		Use:   "apply [INVENTORY | PLAN-FILE]",
		Short: "Make the hosts match the inventory",
		Long: `Shows the plan, asks, and runs it on all hosts at once, as fast as order and
safety allow. You can interrupt it at any moment and run it again. A failed host
does not stop the others.

A saved plan (plan --out) is applied as it is. If the hosts or the inventory have
changed since, it is refused.

In environment "prod" you type the cluster's name, also for a saved plan. A
script passes --yes=NAME; a bare --yes is refused.

More than one host that leaves the cluster or a role, or the last host of a role,
needs --allow-removals N: a mistyped range or the wrong file look the same.

With --json each event is one line of JSON, then the plan ("type":"plan"), then
the result ("type":"result"). It cannot ask: add --yes.`,
		Example: `  provision apply
  provision apply --yes inventories/dc1.hcl
  provision apply --yes=dc1 -i inventories/dc1.hcl -var-file prod.hcl
  provision apply --target node-07
  provision apply --allow-removals 3
  provision --lab apply inventories/lab.hcl
  provision apply tonight.plan -i inventories/dc1.hcl`,
		Args: cli.InventoryArgs, ValidArgsFunction: cli.CompletePlan,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.Told(a.Run(cmd.Context(), args))
		},
	}
	a.Yes.Flag(cmd)
	cmd.Flags().IntVar(&a.Removals, "allow-removals", 0, "let up to `N` hosts leave the cluster or a role")
	cmd.Flags().BoolVar(&a.Untested, "allow-untested-os", false, "accept hosts with an operating system that is not supported")
	a.MinorityFlag(cmd)
	cli.IgnoreFlag(cmd, &a.Ignore)
	g.TargetFlag(cmd, &a.Targets)
	return cmd
}
