package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Exactly and atLeast check the number of arguments, and name what is missing
// by the verb's own words.
func Exactly(n int) cobra.PositionalArgs { return between(n, n) }

func AtLeast(n int) cobra.PositionalArgs { return between(n, 1<<30) }

func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		words := strings.Fields(cmd.Use)[1:]
		switch {
		case len(args) > most:
			return fmt.Errorf("too many arguments from %q on; usage: %s", args[most], cmd.UseLine())
		case len(args) < least && len(args) < len(words):
			return fmt.Errorf("%s is missing; usage: %s", strings.Trim(words[len(args)], "…[]"), cmd.UseLine())
		case len(args) < least:
			return fmt.Errorf("an argument is missing; usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// NoArgs refuses words, with a hint that the inventory goes with -i.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q for %q; give the inventory with -i FILE", args[0], cmd.CommandPath())
	}
	return nil
}
