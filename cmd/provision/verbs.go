package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"provision/provision/report"
)

// release is stamped with -X main.release when a release is built.
var release = "dev"

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	return release + " " + info.GoVersion
}

// verbs lists the verbs, each from its own file.
func verbs(g *global) []*cobra.Command {
	return []*cobra.Command{
		initVerb(g), validateVerb(g), preflightVerb(g), planVerb(g), applyVerb(g), statusVerb(g), doctorVerb(g), logsVerb(g), supportVerb(g), nodeVerb(g), resetVerb(g), historyVerb(g), rollbackVerb(g), upgradeVerb(g), etcdVerb(g), routesVerb(g), kubeconfigVerb(g),
		certsVerb(g), hostkeysVerb(g), bundleVerb(g), labVerb(g), versionVerb(g),
	}
}

func versionVerb(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of provision and of what it installs by default", Args: cobra.NoArgs,
		Example: "  provision version\n  provision version --json",
		RunE: func(*cobra.Command, []string) error {
			if g.json {
				return report.JSON(g.out, struct {
					Version string `json:"version"`
					Go      string `json:"go"`
					System  string `json:"system"`
				}{release, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			}
			fmt.Fprintf(g.out, "provision %s %s/%s\n", version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// group is a verb that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: subverb, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(subs...)
	return cmd
}

// subverb refuses words that are no verb of the group, as cobra does at the
// root.
func subverb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), didYouMean(cmd.SuggestionsFor(args[0])))
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
	return fmt.Errorf("%w%s", err, didYouMean(names))
}

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}
