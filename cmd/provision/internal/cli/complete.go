package cli

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

// CompleteFlags tells shells what the values of the flags of all verbs are.
func (g *Global) CompleteFlags(root *cobra.Command) {
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
func (g *Global) completeTargets(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("target", func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		names := append(g.HostNames(cmd.Context(), args), resource.ClusterHost)
		return Beginning(names, word), cobra.ShellCompDirectiveNoFileComp
	})
}

// CompleteHosts offers the inventory's hosts that were not named yet.
func (g *Global) CompleteHosts(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	named := map[string]bool{}
	for _, a := range args {
		named[a] = true
	}
	var left []string
	for _, name := range g.HostNames(cmd.Context(), nil) {
		if !named[name] {
			left = append(left, name)
		}
	}
	return Beginning(left, word), cobra.ShellCompDirectiveNoFileComp
}

// CompleteLabHosts offers the hosts of the labs of this machine.
func (g *Global) CompleteLabHosts(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	g.LabFromEnv()
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
		if err != nil || g.Lab != "" && g.Lab != LabOfCluster && g.Lab != name {
			continue
		}
		for _, h := range opened.Hosts() {
			hosts = append(hosts, h.Name+"\tof lab "+name)
		}
	}
	return Beginning(hosts, word), cobra.ShellCompDirectiveNoFileComp
}

// CompleteInventory offers files of the inventory's language, once.
func CompleteInventory(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
}

// CompletePlan offers files: inventories, or plans of any name.
func CompletePlan(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// HostNames are those of an inventory that can be read; a shell that completes
// is no place for problems.
func (g *Global) HostNames(ctx context.Context, args []string) []string {
	vars, err := SplitVars(g.Vars)
	if err != nil {
		return nil
	}
	inv, _ := inventory.Load(ctx, inventory.Options{Parts: parts.All(), Paths: g.Paths(args), Vars: vars, VarFiles: g.VarFiles, Env: g.Env})
	if inv == nil {
		return nil
	}
	var names []string
	for _, h := range inv.Hosts {
		names = append(names, h.Name)
	}
	return names
}

func Beginning(names []string, word string) []string {
	var fit []string
	for _, name := range names {
		if strings.HasPrefix(name, word) {
			fit = append(fit, name)
		}
	}
	return fit
}
