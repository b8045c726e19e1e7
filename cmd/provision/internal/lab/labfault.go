package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/lab"
	"provision/provision/report"
)

// faultFlags are those of every kind of fault.
type faultFlags struct {
	restore bool
	length  time.Duration
}

func labFaultVerb(g *cli.Global) *cobra.Command {
	var clear bool
	cmd := &cobra.Command{
		Use:   "fault KIND HOST [ARGUMENTS] | fault HOST --clear",
		Short: "Break something on a lab host, and fix it",
		Long: `Breaks something on a lab host. The fault lasts until --restore, or for the time
given with --for, while the command waits. "lab list" shows faults. A power cut
ends all faults of a host except a full disk. Only lab hosts can be named, never
real ones.`,
		Example: "  provision lab fault network n1 --for 30s\n  provision lab fault n1 --clear",
		Args: func(cmd *cobra.Command, args []string) error {
			if clear {
				return cli.Exactly(1)(cmd, args)
			}
			return cli.Subverb(cmd, args)
		},
		ValidArgsFunction: g.CompleteLabHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !clear {
				return cmd.Help()
			}
			opened, err := labOf(g, args[0])
			if err != nil {
				return err
			}
			if err := opened.FixAll(cmd.Context(), args[0]); err != nil {
				return err
			}
			return tellFaults(g, opened, args[0])
		},
	}
	cmd.Flags().BoolVar(&clear, "clear", false, "end all faults of the host")
	cmd.AddCommand(powerFault(g), networkFault(g), rateFault(g), slowFault(g), freezeFault(g), diskFault(g), clockFault(g))
	return cmd
}

// labOf opens the lab that has the host.
func labOf(g *cli.Global, host string) (*lab.Lab, error) {
	g.LabFromEnv()
	name, err := onlyLab(g, host)
	if err != nil {
		return nil, err
	}
	return lab.Open(name)
}

// faultKind is one kind of fault as a command: read makes the fault from the
// arguments after the host, which --restore does without.
func faultKind(g *cli.Global, cmd *cobra.Command, least int, read func(host string, args []string) ([]lab.Fault, error)) *cobra.Command {
	var flags faultFlags
	cmd.Flags().BoolVar(&flags.restore, "restore", false, "end the fault")
	cmd.Flags().DurationVar(&flags.length, "for", 0, "wait this long, then end the fault (Ctrl-C ends it earlier)")
	cmd.MarkFlagsMutuallyExclusive("restore", "for")
	most := strings.Count(cmd.Use, " ")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if flags.restore {
			return cobra.RangeArgs(1, most)(cmd, args)
		}
		return cobra.RangeArgs(1+least, most)(cmd, args)
	}
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = g.CompleteLabHosts
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		opened, err := labOf(g, args[0])
		if err != nil {
			return err
		}
		if flags.restore && len(args) < 1+least {
			args = args[:1]
		}
		faults, err := read(args[0], args[1:])
		if err != nil {
			return err
		}
		if flags.restore {
			if err := fix(cmd.Context(), opened, faults); err != nil {
				return err
			}
			return tellFaults(g, opened, args[0])
		}
		return inject(cmd.Context(), g, opened, faults[0], flags.length)
	}
	return cmd
}

// fix ends faults; one without a path ends that kind on every path.
func fix(ctx context.Context, l *lab.Lab, wanted []lab.Fault) error {
	all, err := l.Faults()
	if err != nil {
		return err
	}
	var errs []error
	for _, have := range all {
		for _, w := range wanted {
			if have.Host == w.Host && have.Kind == w.Kind && (w.Path == "" || w.Path == have.Path) {
				errs = append(errs, l.Fix(ctx, have))
			}
		}
	}
	return errors.Join(errs...)
}

func inject(ctx context.Context, g *cli.Global, l *lab.Lab, f lab.Fault, length time.Duration) error {
	if err := l.Inject(ctx, f); err != nil {
		return err
	}
	if length == 0 {
		return tellFaults(g, l, f.Host)
	}
	if !g.JSON {
		fmt.Fprintf(g.Out, "%s: %s, for %v.\n", f.Host, f, length)
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if err := l.Fix(context.WithoutCancel(ctx), f); err != nil {
		return err
	}
	if err := tellFaults(g, l, f.Host); err != nil {
		return err
	}
	return ctx.Err()
}

// tellFaults shows what is wrong with a host now.
func tellFaults(g *cli.Global, l *lab.Lab, host string) error {
	faults, err := faultsByHost(l)
	if err != nil {
		return err
	}
	if g.JSON {
		found := faults[host]
		if found == nil {
			found = []lab.Fault{}
		}
		return report.JSON(g.Out, map[string]any{"lab": l.Name(), "host": host, "faults": found})
	}
	if len(faults[host]) == 0 {
		fmt.Fprintf(g.Out, "%s: no faults.\n", host)
		return nil
	}
	fmt.Fprintf(g.Out, "%s: %s.\nTo end it: provision --lab=%s lab fault %s --clear\n", host, faultText(faults[host]), l.Name(), host)
	return nil
}

func faultsByHost(l *lab.Lab) (map[string][]lab.Fault, error) {
	faults, err := l.Faults()
	by := map[string][]lab.Fault{}
	for _, f := range faults {
		by[f.Host] = append(by[f.Host], f)
	}
	return by, err
}

func faultText(faults []lab.Fault) string {
	var texts []string
	for _, f := range faults {
		texts = append(texts, f.String())
	}
	return strings.Join(texts, "; ")
}

// parseRate reads bits per second with a unit of a thousand: 500kbit, 10mbit, 1gbit.
func parseRate(text string) (int64, error) {
	for unit, factor := range map[string]float64{"kbit": 1e3, "mbit": 1e6, "gbit": 1e9} {
		number, ok := strings.CutSuffix(strings.ToLower(text), unit)
		if n, err := strconv.ParseFloat(number, 64); ok && err == nil && n > 0 && n*factor <= 1e12 {
			return int64(n * factor), nil
		}
	}
	return 0, fmt.Errorf("cannot read rate %q: write a number and kbit, mbit or gbit, such as 10mbit", text)
}
