package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"provision/provision/inventory"
	"provision/provision/lab"
	"provision/provision/parts"
	"provision/provision/resource"
)

// completer answers a shell that asks how a word may go on.
type completer = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// completeFlags tells shells what the values of the flags of all verbs are.
func (g *global) completeFlags(root *cobra.Command) {
	files := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
	}
	nothing := cobra.FixedCompletions(nil, cobra.ShellCompDirectiveNoFileComp)
	labs := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		names, err := lab.List()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	for name, complete := range map[string]completer{"inventory": files, "var": nothing, "lab": labs} {
		// The only error is a flag that is not there: a test would show it.
		_ = root.RegisterFlagCompletionFunc(name, complete)
	}
}

// completeTargets offers hosts, as far as the inventory alone tells them.
func (g *global) completeTargets(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("target", func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		names := append(g.hostNames(cmd.Context(), args), resource.ClusterHost)
		return beginning(names, word), cobra.ShellCompDirectiveNoFileComp
	})
}

// completeHosts offers the inventory's hosts that were not named yet.
func (g *global) completeHosts(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	named := map[string]bool{}
	for _, a := range args {
		named[a] = true
	}
	var left []string
	for _, name := range g.hostNames(cmd.Context(), nil) {
		if !named[name] {
			left = append(left, name)
		}
	}
	return beginning(left, word), cobra.ShellCompDirectiveNoFileComp
}

// completeLabHosts offers the hosts of the labs of this machine.
func (g *global) completeLabHosts(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	g.labFromEnv()
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	names, err := lab.List()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var hosts []string
	for _, name := range names {
		opened, err := lab.Open(name)
		if err != nil || g.lab != "" && g.lab != labOfCluster && g.lab != name {
			continue
		}
		for _, h := range opened.Hosts() {
			hosts = append(hosts, h.Name+"\tof lab "+name)
		}
	}
	return beginning(hosts, word), cobra.ShellCompDirectiveNoFileComp
}

// completeInventory offers files of the inventory's language, once.
func completeInventory(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
}

// completePlan offers files: inventories, or plans of any name.
func completePlan(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// hostNames are those of an inventory that can be read; a shell that completes
// is no place for problems.
func (g *global) hostNames(ctx context.Context, args []string) []string {
	vars, err := splitVars(g.vars)
	if err != nil {
		return nil
	}
	inv, _ := inventory.Load(ctx, inventory.Options{Parts: parts.All(), Paths: g.paths(args), Vars: vars, VarFiles: g.varFiles, Env: g.env})
	if inv == nil {
		return nil
	}
	var names []string
	for _, h := range inv.Hosts {
		names = append(names, h.Name)
	}
	return names
}

func beginning(names []string, word string) []string {
	var fit []string
	for _, name := range names {
		if strings.HasPrefix(name, word) {
			fit = append(fit, name)
		}
	}
	return fit
}
