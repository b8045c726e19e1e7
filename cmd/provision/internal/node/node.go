package node

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
)

func Verb(g *cli.Global) *cobra.Command {
	verbs := []*cobra.Command{nodeIsolateVerb(g), nodeRecoverVerb(g), nodeRebootVerb(g), nodeRebuildVerb(g), nodeRemoveVerb(g)}
	for _, texts := range careVerbs() {
		verbs = append(verbs, nodeCareVerb(g, texts))
	}
	return cli.Group("node", "Care for single hosts of the cluster", verbs...)
}

func nodeRemoveVerb(g *cli.Global) *cobra.Command {
	a := cli.Application{Global: g}
	force := false
	cmd := &cobra.Command{
		Use:   "remove HOST…",
		Short: "Remove hosts that left the inventory from the cluster",
		Long: `Does what apply does for hosts that left the inventory, and nothing else: drains
the Node, removes the etcd member, undoes the host by its ledger, deletes the Node
and forgets the host. Remove the hosts from the inventory first.

A host that does not answer is left as it is. If it is dead for good, --force
makes the cluster forget it; nothing is done on the host. Reinstall it before it
gets near the cluster again. A host that answers must be removed without --force.`,
		Example: `  provision node remove node-07
  provision node remove --force node-07
  provision --lab node remove -i inventories/lab.hcl n2`,
		Args: cli.AtLeast(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.Told(removeHosts(cmd.Context(), &a, args, force))
		},
	}
	a.Yes.Flag(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "forget hosts that do not answer; nothing is done on them")
	a.MinorityFlag(cmd)
	return cmd
}

// removeHosts is an apply that is limited to the hosts that leave.
func removeHosts(ctx context.Context, a *cli.Application, names []string, force bool) (err error) {
	if err := a.Begin(ctx); err != nil {
		return err
	}
	for _, name := range names {
		if h, listed := a.Inv.Host(name); listed {
			return fmt.Errorf("cannot remove host %s: it is in the inventory (%s); remove it there first", name, h.Range)
		}
	}
	removal := &provision.Removal{Hosts: names}
	if force {
		removal.Forget = names
	}
	a.Task = removal
	return a.Apply(ctx)
}
