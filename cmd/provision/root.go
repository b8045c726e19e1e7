package main

import (
	"provision/cmd/provision/internal/cli"
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

func newRoot(s cli.Streams) *cobra.Command {
	g := &cli.Global{Streams: s}
	root := &cobra.Command{
		Use:           "provision",
		Short:         "Turn bare-metal racks into Kubernetes data centers",
		Long:          rootLong,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       cli.Version(),
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetVersionTemplate("{{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringArrayVarP(&g.Inventory, "inventory", "i", nil, "inventory `FILE` or folder (default $PROVISION_INVENTORY, else the *.hcl of the current folder)")
	flags.StringArrayVar(&g.Vars, "var", nil, "set a variable of the inventory, `NAME=VALUE`")
	flags.StringArrayVar(&g.VarFiles, "var-file", nil, "read variables from `FILE` (plain, or encrypted with age or sops)")
	flags.StringVar(&g.Lab, "lab", "", "act on the lab (named like the cluster, or --lab=`NAME`), never on the real hosts")
	flags.Lookup("lab").NoOptDefVal = cli.LabOfCluster
	flags.BoolVar(&g.JSON, "json", false, "write JSON")
	flags.BoolVar(&g.NoColor, "no-color", false, "write without colours")
	flags.BoolVarP(&g.Verbose, "verbose", "v", false, "show more detail")
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		g.Verb = strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ")
		g.LabFromEnv()
	}
	root.SetFlagErrorFunc(suggestFlag)
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(verbs(g)...)
	g.CompleteFlags(root)
	return root
}
