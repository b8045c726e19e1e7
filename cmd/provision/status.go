package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/report"
)

func statusVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "status [INVENTORY]",
		Short: "Show hosts, services, versions, certificates and etcd at a glance",
		Long: `Asks every host, etcd and the Kubernetes API once, and shows their state. It
changes nothing. --json has the detail per host: services, programs with installed
and wanted versions, certificates with days left.

Exit codes: 0 all is well; 1 something is not, or could not be asked. For causes
and fixes: provision doctor.`,
		Example: "  provision status\n  provision --lab status inventories/lab.hcl --json",
		Args:    cli.InventoryArgs, ValidArgsFunction: cli.CompleteInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.Load(cmd.Context(), args)
			if err != nil {
				return err
			}
			g.Inventory = g.Paths(args) // for the command that is recommended
			o, err := g.Operate(inv, g.Waits)
			if err != nil {
				return err
			}
			defer o.Close()
			status, err := o.Status(cmd.Context())
			if err != nil {
				return err
			}
			if g.JSON {
				err = report.JSON(g.Out, status)
			} else {
				err = showStatus(g, status)
			}
			if err == nil && !status.Healthy() {
				return cli.Exit(cli.ExitError)
			}
			return err
		},
	}
}

func showStatus(g *cli.Global, s *provision.Status) error {
	fmt.Fprintf(g.Out, "Cluster %q on %s", s.Cluster, s.Target)
	if s.Version != "" {
		fmt.Fprintf(g.Out, ", Kubernetes %s", report.Line(s.Version))
	}
	fmt.Fprint(g.Out, "\n\n")
	w := tabwriter.NewWriter(g.Out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tADDRESS\tROLES\tSTATE\tSERVICES\tPROGRAMS\tKUBELET\tPODS\tCERTS\tOS")
	for _, h := range s.Hosts {
		kubelet, pods := "-", "-"
		if h.Node != nil {
			kubelet, pods = h.Node.Kubelet, strings.Join(h.Node.PodCIDRs, ",")
		}
		roles := make([]string, 0, len(h.Roles))
		for _, r := range h.Roles {
			roles = append(roles, string(r))
		}
		certs := "-"
		if h.CertificateDays != nil {
			certs = fmt.Sprintf("%d d", *h.CertificateDays)
		}
		cli.Row(w, h.Name, h.Address, strings.Join(roles, ","), hostState(h), services(h), programs(h), kubelet, pods, certs, h.OS)
	}
	if len(s.Etcd) > 0 {
		fmt.Fprintln(w, "\nETCD MEMBER\tENDPOINT\tSTATE\tVERSION\tDB MiB\tLAG\tALARMS")
		for _, m := range s.Etcd {
			state := "healthy"
			switch {
			case !m.Healthy:
				state = firstLine(m.Reason)
			case m.Leader:
				state = "healthy, leader"
			case m.Learner:
				state = "healthy, learner"
			}
			alarms := "-"
			if len(m.Alarms) > 0 {
				alarms = strings.Join(m.Alarms, ",")
			}
			cli.Row(w, m.Name, m.Endpoint, state, m.Version, fmt.Sprintf("%.1f", float64(m.DBSize)/(1<<20)), fmt.Sprint(m.Lag), alarms)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	inFull(g, s)
	boots(g, s)
	if len(s.Leaving) > 0 {
		fmt.Fprintf(g.Out, "\nIn the cluster, but not in the inventory: %s. The next apply removes them.\n", report.Line(strings.Join(s.Leaving, ", ")))
	}
	for _, n := range s.Foreign {
		fmt.Fprintln(g.Out, "\n"+report.Line(n.Foreign()))
	}
	for _, text := range s.Backups {
		fmt.Fprintln(g.Out, "\n"+report.Line(text))
	}
	for _, text := range []string{s.APIError, s.EtcdError} {
		if text != "" {
			fmt.Fprintln(g.Out, "\n"+report.Clean(text))
		}
	}
	if s.UUID != "" && !s.Healthy() {
		fmt.Fprintln(g.Out, "\nFor causes and fixes: "+cli.Again(g, "doctor"))
	}
	return nil
}

// inFull are the states that did not fit into the tables.
func inFull(g *cli.Global, s *provision.Status) {
	var long []string
	add := func(who, text string) {
		if text = report.Line(text); cli.Fits(text) != text {
			long = append(long, report.Line(who)+": "+text)
		}
	}
	for _, h := range s.Hosts {
		add(h.Name, hostState(h))
		add(h.Name, services(h))
		add(h.Name, programs(h))
	}
	for _, m := range s.Etcd {
		add("etcd member "+m.Name, firstLine(m.Reason))
	}
	if len(long) > 0 {
		fmt.Fprintln(g.Out, "\n"+strings.Join(long, "\n"))
	}
}

// boots are the hosts that need a reboot, or whose reboot somebody began.
func boots(g *cli.Global, s *provision.Status) {
	var lines []string
	for _, h := range s.Hosts {
		name := report.Line(h.Name)
		if len(h.NeedsBoot) > 0 {
			lines = append(lines, name+" needs a reboot: "+report.Line(strings.Join(h.NeedsBoot, "; ")))
		}
		if !h.Rebooting.IsZero() {
			lines = append(lines, fmt.Sprintf("%s is among hosts whose reboot was begun at %s and has not come to its end: run that command again", name, h.Rebooting.Local().Format(time.DateTime)))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintln(g.Out, "\n"+strings.Join(lines, "\n"))
	}
}

func hostState(h provision.HostStatus) string {
	if len(h.ShortOfRoom) == 0 {
		return nodeState(h)
	}
	return nodeState(h) + ", short of room at " + strings.Join(h.ShortOfRoom, ", ")
}

func nodeState(h provision.HostStatus) string {
	switch {
	case h.Error != "":
		return firstLine(h.Error)
	case len(h.PendingRestarts) > 0:
		return "must restart " + strings.Join(h.PendingRestarts, ", ")
	case h.LockedBy != "":
		return "worked on by " + h.LockedBy
	case h.Node == nil && h.Isolated:
		return "isolated"
	case h.Node == nil:
		return "answers"
	case h.Node.Deleting != "":
		return h.Node.Held()
	case !h.Node.Ready:
		return "NotReady: " + h.Node.Reason
	case h.Isolated:
		return "Ready, isolated"
	case h.Node.Unschedulable:
		return "Ready, cordoned"
	}
	return "Ready"
}

// services is how many run, and which do not.
func services(h provision.HostStatus) string {
	if h.Services == nil {
		return "-"
	}
	var bad []string
	for _, s := range h.Services {
		if s.State != "running" {
			bad = append(bad, strings.TrimSuffix(strings.TrimSuffix(s.Unit, ".service")+" "+s.State+": "+s.Why, ": "))
		}
	}
	if len(bad) == len(h.Services) && len(bad) > 1 {
		return fmt.Sprintf("none of %d run", len(bad))
	}
	if len(bad) > 0 {
		return strings.Join(bad, ", ")
	}
	return fmt.Sprintf("all %d run", len(h.Services))
}

// programs is whether they have the versions that the inventory wants.
func programs(h provision.HostStatus) string {
	if h.Programs == nil {
		return "-"
	}
	var odd []string
	for _, p := range h.Programs {
		switch p.Version {
		case p.Wanted:
		case "":
			odd = append(odd, p.Name+" missing")
		default:
			odd = append(odd, p.Name+" "+p.Version+", not "+p.Wanted)
		}
	}
	switch {
	case len(odd) == len(h.Programs):
		return "none as wanted"
	case len(odd) > 3:
		return fmt.Sprintf("%d of %d not as wanted", len(odd), len(h.Programs))
	case len(odd) > 0:
		return strings.Join(odd, ", ")
	}
	return "as wanted"
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
