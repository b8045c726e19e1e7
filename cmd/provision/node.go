package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"provision/provision/plan"
)

func nodeVerb(g *global) *cobra.Command {
	verbs := []*cobra.Command{nodeIsolateVerb(g), nodeRecoverVerb(g), nodeRebuildVerb(g), nodeRemoveVerb(g)}
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
will again: then the cluster forgets it, and nothing is done on it. Should it
come back nevertheless, reinstall it before it gets near the cluster.

Take the hosts out of the inventory first.`,
		Example: `  provision node remove node-07
  provision node remove --force node-07
  provision --lab node remove -i inventories/lab.hcl n2`,
		Args: cobra.MinimumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.removeHosts(cmd.Context(), args, force)
			if err != nil && g.json && !a.concluded {
				g.line(ended{Type: "result", Error: err.Error()})
			}
			return err
		},
	}
	a.yes.flag(cmd)
	cmd.Flags().BoolVar(&force, "force", false, "forget hosts that do not answer; nothing is done on them")
	cmd.Flags().BoolVar(&a.minority, "allow-minority", false, "go on although most masters and etcd hosts take no part: only if nobody else is at work")
	return cmd
}

// removeHosts is an apply that is limited to the hosts that leave.
func (a *application) removeHosts(ctx context.Context, names []string, force bool) (err error) {
	if a.json && !a.yes.given() {
		return errors.New("cannot ask for consent with --json: add --yes")
	}
	if a.inv, err = a.load(ctx, nil); err != nil {
		return err
	}
	if err := a.yes.fits(a.inv.Cluster); err != nil {
		return err
	}
	for _, name := range names {
		if h, listed := a.inv.Host(name); listed {
			return fmt.Errorf("cannot remove host %s: it is in the inventory (%s); take it out there first", name, h.Range)
		}
		a.targets = append(a.targets, plan.ForgetAddress(name).String())
	}
	if force {
		a.forget = names
	}
	a.removals = len(names) // they are named one by one
	return a.apply(ctx)
}
