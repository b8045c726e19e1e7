package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/event"
	"provision/provision/report"
)

func preflightVerb(g *cli.Global) *cobra.Command {
	var full, untested bool
	var ignore []string
	cmd := &cobra.Command{
		Use:   "preflight [INVENTORY]",
		Short: "Check whether the hosts can become the cluster",
		Long: `Checks all hosts at once: login and sudo, system, disks, memory, clocks,
identities, ports, control groups, kernel modules, swap, firewall, the speed of
synced writes on etcd hosts, and whether hosts reach each other's ports with
full-size packets. One pass lists everything that is wrong, and what to do about
it. It changes nothing.

Masters and etcd hosts are tested with all hosts, each host with three others,
and one pair for each two subnets; with --full, all with all.

plan and apply check hosts that join and skip those with errors.
docs/operations.md has a table of the checks.

Exit codes: 0 no errors (maybe warnings), 1 errors.`,
		Example: `  provision preflight
  provision preflight --full inventories/dc1.hcl
  provision preflight --ignore-preflight memory --json`,
		Args: cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.KnownChecks(ignore); err != nil {
				return err
			}
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			o, err := g.Operate(inv, g.Waits, func(o *provision.Options) {
				o.AllowUntestedOS, o.IgnorePreflight = untested, ignore
			})
			if err != nil {
				return err
			}
			defer o.Close()
			found, err := o.Preflight(cmd.Context(), full)
			if err != nil {
				return err
			}
			if g.JSON {
				err = report.JSON(g.Out, found)
			} else {
				showPreflight(g, found)
			}
			if err == nil && found.Errors() > 0 {
				return cli.Exit(cli.ExitError)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&full, "full", false, "test all hosts with all others")
	cmd.Flags().BoolVar(&untested, "allow-untested-os", false, "accept hosts with an operating system that is not supported")
	cli.IgnoreFlag(cmd, &ignore)
	return cmd
}

func showPreflight(g *cli.Global, p *provision.Preflight) {
	fmt.Fprintf(g.Out, "Cluster %q on %s: %s examined in %.1f s, %s host to host\n", p.Cluster, p.Target,
		event.Count(p.Hosts, "host"), p.Took.Round(100*time.Millisecond).Seconds(), event.Count(p.Connections, "connection"))
	host := "\x00"
	for _, f := range p.Findings {
		if f.Host != host {
			host = f.Host
			title := host
			if title == "" {
				title = "the cluster"
			}
			fmt.Fprintf(g.Out, "\n%s\n", report.Line(title))
		}
		fmt.Fprintf(g.Out, "  %-7s  %s: %s\n", f.Severity, f.Check, report.Line(f.What))
		if f.Why != "" {
			fmt.Fprintf(g.Out, "           %s\n", report.Line(f.Why))
		}
		fmt.Fprintf(g.Out, "           → %s\n", report.Line(f.Remedy))
	}
	if len(p.Findings) > 0 {
		fmt.Fprintln(g.Out)
	}
	errors := p.Errors()
	if len(p.Findings) == 0 {
		fmt.Fprintln(g.Out, "Nothing is wrong.")
		return
	}
	fmt.Fprintf(g.Out, "%s, %s.\n", event.Count(errors, "error"), event.Count(len(p.Findings)-errors, "warning"))
}
