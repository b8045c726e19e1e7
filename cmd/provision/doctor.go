package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/doctor"
	"provision/provision/event"
	"provision/provision/report"
)

func doctorVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor [HOST...]",
		Short: "Show what is wrong with the cluster, why, and the command that fixes it",
		Long: `Examines the services that each host's roles require, what they need (ports,
disks, certificates, clocks, swap), changes on the hosts, etcd, the API and the
Nodes. Root causes come first. It changes nothing.

It works while the API, etcd or hosts are down. With HOSTs it shows only what
concerns them and the cluster as a whole.

Exit codes: 0 nothing is wrong (there may be notes); 1 something is wrong, or
doctor could not examine it.`,
		Example:           "  provision doctor\n  provision --lab doctor -i inventories/lab.hcl m1\n  provision doctor --json | jq '.findings[0]'",
		ValidArgsFunction: g.CompleteHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cli.NoInventories(args); err != nil {
				return err
			}
			o, err := g.LookAt(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer o.Close()
			d, err := o.Doctor(cmd.Context(), args...)
			if err != nil {
				return err
			}
			if g.JSON {
				err = report.JSON(g.Out, withCommands(g, d))
			} else {
				showDiagnosis(g, d)
			}
			if err == nil && !d.Healthy {
				return cli.Exit(cli.ExitError)
			}
			return err
		},
	}
}

// prescribed is a finding with its command as a person types it.
type prescribed struct {
	doctor.Finding
	Command string `json:"command,omitempty"`
}

// withCommands is the diagnosis as --json shows it.
func withCommands(g *cli.Global, d *provision.Diagnosis) any {
	found := make([]prescribed, 0, len(d.Findings))
	for _, f := range d.Findings {
		p := prescribed{Finding: f}
		if len(f.Fix) > 0 {
			p.Command = cli.Again(g, f.Fix...)
		}
		found = append(found, p)
	}
	return struct {
		*provision.Diagnosis
		Findings []prescribed `json:"findings"`
	}{d, found}
}

func showDiagnosis(g *cli.Global, d *provision.Diagnosis) {
	fmt.Fprintf(g.Out, "Cluster %q on %s: examined %s on %s\n", d.Cluster, d.Target, event.Count(d.Services, "service"), event.Count(len(d.Hosts), "host"))
	problems := 0
	for _, f := range d.Findings {
		if f.Level == doctor.Problem {
			problems++
		}
	}
	number := 0
	for _, f := range d.Findings {
		number++
		if f.Level == doctor.Note && number == problems+1 {
			fmt.Fprint(g.Out, "\nWorth knowing:\n")
		}
		showFinding(g, f, number)
	}
	switch problems {
	case 0:
		fmt.Fprint(g.Out, "\nNothing is wrong.\n")
	case 1:
		fmt.Fprint(g.Out, "\n1 problem.\n")
	default:
		fmt.Fprintf(g.Out, "\n%d problems; start with the first.\n", problems)
	}
	if all := fixAll(d.Findings); len(all) > 0 {
		fmt.Fprintln(g.Out, "To fix all that can be fixed: "+cli.Again(g, all...))
	}
}

// showFinding writes one finding; hosts have their say in it.
func showFinding(g *cli.Global, f doctor.Finding, number int) {
	subject := report.Line(f.Host)
	if f.Unit != "" {
		subject += ": " + report.Line(f.Unit)
	}
	if f.Host == doctor.ClusterHost {
		subject = "cluster:"
	}
	if f.Level == doctor.Note {
		fmt.Fprintf(g.Out, "  %s %s\n", subject, report.Line(f.Summary))
	} else {
		fmt.Fprintf(g.Out, "\n%d. %s %s\n", number, subject, report.Line(f.Summary))
	}
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(g.Out, "   %-8s %s\n", label, report.Line(text))
		}
	}
	line("cause", f.Cause)
	if len(f.Because) > 0 {
		line("after", strings.Join(f.Because, ", "))
	}
	for _, changed := range f.Changed {
		line("changed", changed)
	}
	if f.Level == doctor.Problem {
		for _, text := range f.Log {
			line("log", text)
		}
	}
	if f.First != "" {
		line("first", f.First+where(f))
	}
	if len(f.Fix) > 0 {
		line("fix", cli.Again(g, f.Fix...))
	}
}

// where says on which host something must be done by hand.
func where(f doctor.Finding) string {
	if f.Host == doctor.ClusterHost {
		return ""
	}
	return " (on " + f.Host + ")"
}

// fixAll is one apply for all problems: of the hosts that have them.
func fixAll(found []doctor.Finding) []string {
	argv := []string{"apply"}
	commands := 0
	for _, f := range found {
		if f.Level != doctor.Problem || len(f.Fix) == 0 || f.Fix[0] != "apply" {
			continue
		}
		commands++
		if len(f.Fix) == 1 {
			return f.Fix // the whole cluster
		}
		for _, host := range f.Fix[1:] {
			if host != "--target" && !slices.Contains(argv, host) {
				argv = append(argv, "--target", host)
			}
		}
	}
	if commands < 2 {
		return nil
	}
	return argv
}
