package main

import (
	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
)

func planVerb(g *cli.Global) *cobra.Command {
	var out string
	var detailed, untested bool
	var targets, ignore []string
	cmd := &cobra.Command{
		Use:   "plan [INVENTORY]",
		Short: "Show what apply would change, host by host",
		Long: `Connects to all hosts, compares them with the inventory and shows exactly what
apply would do. It changes nothing.

Apply a plan saved with --out by "provision apply FILE". It is refused if the
hosts or the inventory have changed since.

--target limits the plan to what you name and what that requires; the plan says
how much it leaves out. Other hosts are read but not touched.`,
		Example: `  provision plan
  provision plan --out tonight.plan inventories/dc1.hcl
  provision plan --target node-07 --target 'm1/unit["kubelet.service"]'
  provision plan --detailed-exitcode || mail -s "dc1 drifted" ops`,
		Args: cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.KnownChecks(ignore); err != nil {
				return err
			}
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			p, err := g.Plan(cmd.Context(), inv, func(o *provision.Options) {
				o.AllowUntestedOS, o.Targets, o.IgnorePreflight = untested, targets, ignore
			})
			if err != nil {
				return err
			}
			if out != "" {
				if err := cli.SavePlan(out, p); err != nil {
					return err
				}
			}
			return cli.PlanExit(p, detailed)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "save the plan to `FILE`, for apply")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 when the plan has changes")
	cmd.Flags().BoolVar(&untested, "allow-untested-os", false, "accept hosts with an operating system that is not supported")
	cli.IgnoreFlag(cmd, &ignore)
	g.TargetFlag(cmd, &targets)
	return cmd
}
