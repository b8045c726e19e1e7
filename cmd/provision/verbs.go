package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
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
		validateVerb(g), planVerb(g), applyVerb(g), statusVerb(g), kubeconfigVerb(g),
		hostkeysVerb(g), bundleVerb(g), labVerb(g),
	}
}

// group is a verb that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(subs...)
	return cmd
}
