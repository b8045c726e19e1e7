package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"provision/provision"
)

func nodeVerb(g *global) *cobra.Command {
	verbs := []*cobra.Command{nodeIsolateVerb(g), nodeRecoverVerb(g), nodeRebootVerb(g), nodeRebuildVerb(g), nodeRemoveVerb(g)}
	for _, texts := range careVerbs() {
		verbs = append(verbs, nodeCareVerb(g, texts))
	}
	return group("node", "Care for single hosts of the cluster", verbs...)
}

func nodeRemoveVerb(g *global) *cobra.Command {
	a := application{global: g}
	force := false
	cmd := &cobra.Command{
		Use:   "remove HOST…",
		Short: "Take hosts that left the inventory out of the cluster",
		Long: `Does what apply does for hosts that are not in the inventory any more, and
nothing else: drains the Node, takes the etcd member out, undoes on the host what
the ledger says, deletes the Node and forgets the host.

A host that does not answer is left as it is, unless --force says that it never
will again: then the cluster forgets it, and nothing is done on it. One that
answers after all is not forgotten: remove it without --force. Should a forgotten
host come back, reinstall it before it gets near the cluster.

Take the hosts out of the inventory first.`,
		Example: `  provision node remove node-07
  provision node remove --force node-07
  provision --lab node remove -i inventories/lab.hcl n2`,
		Args: atLeast(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.told(a.removeHosts(cmd.Context(), args, force))
		},
	}
	a.yes.flag(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "forget hosts that do not answer; nothing is done on them")
	a.minorityFlag(cmd)
	return cmd
}

// removeHosts is an apply that is limited to the hosts that leave.
func (a *application) removeHosts(ctx context.Context, names []string, force bool) (err error) {
	if err := a.begin(ctx); err != nil {
		return err
	}
	for _, name := range names {
		if h, listed := a.inv.Host(name); listed {
			return fmt.Errorf("cannot remove host %s: it is in the inventory (%s); take it out there first", name, h.Range)
		}
	}
	removal := &provision.Removal{Hosts: names}
	if force {
		removal.Forget = names
	}
	a.task = removal
	return a.apply(ctx)
}
