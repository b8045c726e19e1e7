package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/diag"
	"provision/provision/event"
	"provision/provision/inventory"
	"provision/provision/ownimages"
	"provision/provision/parts"
	"provision/provision/report"
)

func validateVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "validate [INVENTORY]",
		Short: "Check the inventory and list every mistake",
		Long: `Reads the inventory and reports every problem at once, each with its place and
what to do. It connects to nothing.`,
		Example: "  provision validate inventories/lab.hcl\n  provision validate --json -i dc1/",
		Args:    cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			vars, err := cli.SplitVars(g.Vars)
			if err != nil {
				return err
			}
			inv, problems := inventory.Load(cmd.Context(), inventory.Options{
				Parts: parts.All(), Paths: g.Paths(args), Vars: vars, VarFiles: g.VarFiles, Env: g.Env})
			if !problems.HasErrors() && inv != nil {
				problems = append(problems, diag.FromHCL(ownimages.Check(inv))...)
			}
			if err := showProblems(g, inv, problems.Sorted()); err != nil {
				return err
			}
			if problems.HasErrors() {
				return cli.Exit(cli.ExitError)
			}
			return nil
		},
	}
}

func showProblems(g *cli.Global, inv *inventory.Inventory, problems diag.List) error {
	if g.JSON {
		return report.JSON(g.Out, diag.NewReport(problems))
	}
	if err := diag.Write(g.Err, problems, diag.Style{Color: g.Color(), Width: g.Width}); err != nil {
		return err
	}
	if !problems.HasErrors() {
		fmt.Fprintf(g.Out, "The inventory is valid: cluster %q, %s (%d etcd, %d master, %d node).\n",
			inv.Cluster.Name, event.Count(len(inv.Hosts), "host"), len(inv.With(inventory.RoleEtcd)),
			len(inv.With(inventory.RoleMaster)), len(inv.With(inventory.RoleNode)))
	}
	return nil
}
