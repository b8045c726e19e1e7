package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/doctor"
	"provision/provision/event"
	"provision/provision/report"
)

func doctorVerb(g *global) *cobra.Command {
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
		ValidArgsFunction: g.completeHosts,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noInventories(args); err != nil {
				return err
			}
			o, err := g.lookAt(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer o.Close()
			d, err := o.Doctor(cmd.Context(), args...)
			if err != nil {
				return err
			}
			if g.json {
				err = report.JSON(g.out, withCommands(g, d))
			} else {
				showDiagnosis(g, d)
			}
			if err == nil && !d.Healthy {
				return exit(exitError)
			}
			return err
		},
	}
}

// noInventories refuses inventories where hosts are expected.
func noInventories(args []string) error {
	for _, arg := range args {
		if strings.HasSuffix(arg, ".hcl") || strings.Contains(arg, "/") {
			return fmt.Errorf("%q is not a host; give the inventory with -i FILE", arg)
		}
	}
	return nil
}

// again is a command line for the same cluster: the flags that say which one,
// then the verb. Values of variables are left out: they may be secret.
func again(g *global, verb ...string) string {
	var args []string
	switch g.lab {
	case "":
	case labOfCluster:
		args = append(args, "--lab")
	default:
		args = append(args, "--lab="+g.lab)
	}
	args = append(args, verb...)
	for _, file := range g.inventory {
		args = append(args, "-i", file)
	}
	for _, file := range g.varFiles {
		args = append(args, "--var-file", file)
	}
	for _, v := range g.vars {
		name, _, _ := strings.Cut(v, "=")
		args = append(args, "--var", name+"=...")
	}
	return commandLine(args)
}

// prescribed is a finding with its command as a person types it.
type prescribed struct {
	doctor.Finding
	Command string `json:"command,omitempty"`
}

// withCommands is the diagnosis as --json shows it.
func withCommands(g *global, d *provision.Diagnosis) any {
	found := make([]prescribed, 0, len(d.Findings))
	for _, f := range d.Findings {
		p := prescribed{Finding: f}
		if len(f.Fix) > 0 {
			p.Command = again(g, f.Fix...)
		}
		found = append(found, p)
	}
	return struct {
		*provision.Diagnosis
		Findings []prescribed `json:"findings"`
	}{d, found}
}

func showDiagnosis(g *global, d *provision.Diagnosis) {
	fmt.Fprintf(g.out, "Cluster %q on %s: examined %s on %s\n", d.Cluster, d.Target, event.Count(d.Services, "service"), event.Count(len(d.Hosts), "host"))
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
			fmt.Fprint(g.out, "\nWorth knowing:\n")
		}
		showFinding(g, f, number)
	}
	switch problems {
	case 0:
		fmt.Fprint(g.out, "\nNothing is wrong.\n")
	case 1:
		fmt.Fprint(g.out, "\n1 problem.\n")
	default:
		fmt.Fprintf(g.out, "\n%d problems; start with the first.\n", problems)
	}
	if all := fixAll(d.Findings); len(all) > 0 {
		fmt.Fprintln(g.out, "To fix all that can be fixed: "+again(g, all...))
	}
}

// showFinding writes one finding; hosts have their say in it.
func showFinding(g *global, f doctor.Finding, number int) {
	subject := report.Line(f.Host)
	if f.Unit != "" {
		subject += ": " + report.Line(f.Unit)
	}
	if f.Host == doctor.ClusterHost {
		subject = "cluster:"
	}
	if f.Level == doctor.Note {
		fmt.Fprintf(g.out, "  %s %s\n", subject, report.Line(f.Summary))
	} else {
		fmt.Fprintf(g.out, "\n%d. %s %s\n", number, subject, report.Line(f.Summary))
	}
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(g.out, "   %-8s %s\n", label, report.Line(text))
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
		line("fix", again(g, f.Fix...))
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
