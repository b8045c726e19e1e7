package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/inventory"
	"provision/provision/upgrade"
)

func upgradeVerb(g *cli.Global) *cobra.Command {
	var to, etcd string
	var untested bool
	cmd := &cobra.Command{
		Use:   "upgrade [INVENTORY]",
		Short: "Show what an upgrade would do, and how to request it",
		Long: `Plans as if the inventory named another version of Kubernetes or etcd: the hops,
what the store lacks for them, the steps of the first hop, the order in which
hosts are drained, and what would be refused and why. It changes nothing on hosts
or in the inventory.

To upgrade, set the version in the inventory, then plan and apply. The same
continues an interrupted upgrade.

Exit codes: 0 it can be done; 1 it cannot, or hosts were skipped.`,
		Example: `  provision upgrade --to 1.37.2
  provision upgrade --to 1.37.2 --etcd 3.7.4 inventories/dc1.hcl
  provision --lab upgrade --to 1.38.0 --json`,
		Args: cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			for flag, text := range map[string]string{"to": to, "etcd": etcd} {
				if _, err := upgrade.Parse(text); err != nil && text != "" {
					return fmt.Errorf("cannot read --%s: %w", flag, err)
				}
			}
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			for family, version := range map[string]string{inventory.FamilyKubernetes: to, inventory.FamilyEtcd: etcd} {
				if version != "" {
					inv.Cluster.Versions = inv.Cluster.Versions.With(family, version)
				}
			}
			p, err := g.Plan(cmd.Context(), inv, func(o *provision.Options) { o.AllowUntestedOS = untested })
			if err != nil {
				return err
			}
			if !g.JSON && !p.Empty() {
				fmt.Fprintf(g.Out, "\nNothing was changed. To upgrade, set version = %q and versions { etcd = %q } in the cluster block, then: provision apply\n", inv.Cluster.Versions.Kubernetes(), inv.Cluster.Versions.Etcd())
			}
			return cli.PlanExit(p, false)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`VERSION` of Kubernetes, instead of the inventory's")
	cmd.Flags().StringVar(&etcd, "etcd", "", "`VERSION` of etcd, instead of the inventory's")
	cmd.Flags().BoolVar(&untested, "allow-untested-os", false, "accept hosts with an operating system that is not supported")
	return cmd
}
