package main

import (
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `provision turns plain Linux hosts that answer SSH into a highly available
Kubernetes cluster, from one HCL inventory, and keeps it that way.

There is no state file and no server: each run reads the truth from the hosts.
You can interrupt any run and run it again.

Try an inventory on this machine first:
  provision lab up inventories/lab.hcl
  provision --lab apply inventories/lab.hcl

With --json, standard output is JSON only: one document, or, for long verbs
(apply, bundle pull, build and import), one JSON value a line. The last one has
the type "result". Errors always go to standard error.

Exit codes: 0 success; 1 error; 2 the plan has changes (only with plan
--detailed-exitcode); 130 interrupted.`

func newRoot(s streams) *cobra.Command {
	g := &global{streams: s}
	root := &cobra.Command{
		Use:           "provision",
		Short:         "Turn bare-metal racks into Kubernetes data centers",
		Long:          rootLong,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("{{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringArrayVarP(&g.inventory, "inventory", "i", nil, "inventory `FILE` or folder (default $PROVISION_INVENTORY, else the *.hcl of the current folder)")
	flags.StringArrayVar(&g.vars, "var", nil, "set a variable of the inventory, `NAME=VALUE`")
	flags.StringArrayVar(&g.varFiles, "var-file", nil, "read variables from `FILE` (plain, or encrypted with age or sops)")
	flags.StringVar(&g.lab, "lab", "", "act on the lab (named like the cluster, or --lab=`NAME`), never on the real hosts")
	flags.Lookup("lab").NoOptDefVal = labOfCluster
	flags.BoolVar(&g.json, "json", false, "write JSON")
	flags.BoolVar(&g.noColor, "no-color", false, "write without colours")
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "show more detail")
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		g.verb = strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ")
		g.labFromEnv()
	}
	root.SetFlagErrorFunc(suggestFlag)
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(verbs(g)...)
	g.completeFlags(root)
	return root
}
