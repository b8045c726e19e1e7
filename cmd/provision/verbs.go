package main

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"provision/cmd/provision/internal/bundle"
	"provision/cmd/provision/internal/certs"
	"provision/cmd/provision/internal/cli"
	"provision/cmd/provision/internal/etcd"
	"provision/cmd/provision/internal/history"
	"provision/cmd/provision/internal/lab"
	"provision/cmd/provision/internal/node"
	"provision/provision/report"
)

// verbs lists the verbs, each from its own file.
func verbs(g *cli.Global) []*cobra.Command {
	return []*cobra.Command{
		initVerb(g), validateVerb(g), preflightVerb(g), planVerb(g), applyVerb(g), statusVerb(g), doctorVerb(g), logsVerb(g), supportVerb(g), node.Verb(g), node.ResetVerb(g), history.Verb(g), history.RollbackVerb(g), upgradeVerb(g), etcd.Verb(g), routesVerb(g), kubeconfigVerb(g),
		certs.Verb(g), hostkeysVerb(g), bundle.Verb(g), lab.Verb(g), versionVerb(g),
	}
}

func versionVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of provision and of what it installs by default", Args: cobra.NoArgs,
		Example: "  provision version\n  provision version --json",
		RunE: func(*cobra.Command, []string) error {
			if g.JSON {
				return report.JSON(g.Out, struct {
					Version string `json:"version"`
					Go      string `json:"go"`
					System  string `json:"system"`
				}{cli.Release, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			fmt.Fprintf(g.Out, "provision %s %s/%s\n", cli.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// suggestFlag adds the flag that was probably meant.
func suggestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	}
	near := &cobra.Command{SuggestionsMinimumDistance: 3} // cobra compares the names of verbs only
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		near.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	names := near.SuggestionsFor(unknown.GetSpecifiedName())
	for i, name := range names {
		names[i] = "--" + name
	}
	if len(names) == 0 {
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	}
	return fmt.Errorf("%w%s", err, cli.DidYouMean(names))
}
