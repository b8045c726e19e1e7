package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"provision/provision/preflight"
)

// IgnoreFlag is shared by the verbs that check hosts.
func IgnoreFlag(cmd *cobra.Command, ignore *[]string) {
	cmd.Flags().StringSliceVar(ignore, "ignore-preflight", nil, "turn errors of these `CHECKS` into warnings; all skips all checks")
	_ = cmd.RegisterFlagCompletionFunc("ignore-preflight", cobra.FixedCompletions(append(preflight.Checks(), "all"), cobra.ShellCompDirectiveNoFileComp))
}

func KnownChecks(names []string) error {
	for _, name := range names {
		if name != "all" && !slices.Contains(preflight.Checks(), name) {
			return fmt.Errorf("unknown check %q; use %s, or all", name, strings.Join(preflight.Checks(), ", "))
		}
	}
	return nil
}
