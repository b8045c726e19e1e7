package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/inventory"
	"provision/provision/upgrade"
)

func upgradeVerb(g *global) *cobra.Command {
	var to, etcd string
	var untested bool
	cmd := &cobra.Command{
		Use:   "upgrade [INVENTORY]",
		Short: "Show what an upgrade to a version would do, and how to ask for it",
		Long: `Plans as if the inventory named another version of Kubernetes or etcd: which hops
lead there, what of them is not in the store yet, which steps the first takes, in
which order hosts are emptied, what would be refused and why. Nothing is changed,
neither on hosts nor in the inventory.

An upgrade itself is a change of the inventory: set the version, then plan and
apply. That also goes on with one that was interrupted.

Exit codes: 0 when it could be done, 1 when not, or when hosts were skipped.`,
		Example: `  provision upgrade --to 1.37.2
  provision upgrade --to 1.37.2 --etcd 3.7.4 inventories/dc1.hcl
  provision --lab upgrade --to 1.38.0 --json`,
		Args: inventoryArgs, ValidArgsFunction: completeInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			for flag, text := range map[string]string{"to": to, "etcd": etcd} {
				if _, err := upgrade.Parse(text); err != nil && text != "" {
					return fmt.Errorf("cannot read --%s: %w", flag, err)
				}
			}
			inv, err := g.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			for family, version := range map[string]string{inventory.FamilyKubernetes: to, inventory.FamilyEtcd: etcd} {
				if version != "" {
					inv.Cluster.Versions = inv.Cluster.Versions.With(family, version)
				}
			}
			p, err := g.plan(cmd.Context(), inv, func(o *provision.Options) { o.AllowUntestedOS = untested })
			if err != nil {
				return err
			}
			if !g.json && !p.Empty() {
				fmt.Fprintf(g.out, "\nThis is not done. To do it, set version = %q and versions { etcd = %q } in the cluster block, then: provision apply\n", inv.Cluster.Versions.Kubernetes(), inv.Cluster.Versions.Etcd())
			}
			return planExit(p, false)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`VERSION` of Kubernetes, instead of the inventory's")
	cmd.Flags().StringVar(&etcd, "etcd", "", "`VERSION` of etcd, instead of the inventory's")
	cmd.Flags().BoolVar(&untested, "allow-untested-os", false, "take hosts whose operating system is not in the table of supported ones")
	return cmd
}
