package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"provision/provision"
	"provision/provision/event"
	"provision/provision/report"
)

func statusVerb(g *global) *cobra.Command {
	return &cobra.Command{
		Use:     "status [INVENTORY]",
		Short:   "Show hosts, Nodes, versions and etcd at a glance",
		Example: "  provision status\n  provision --lab status inventories/lab.hcl --json",
		Args:    inventoryArgs, ValidArgsFunction: completeInventory,
		RunE: func(cmd *cobra.Command, args []string) error {
			inv, err := g.load(cmd.Context(), args)
			if err != nil {
				return err
			}
			o, err := g.operate(inv, event.Discard)
			if err != nil {
				return err
			}
			defer o.Close()
			status, err := o.Status(cmd.Context())
			if err != nil {
				return err
			}
			if g.json {
				err = report.JSON(g.out, status)
			} else {
				err = g.showStatus(status)
			}
			if err == nil && !status.Healthy() {
				return exit(exitError)
			}
			return err
		},
	}
}

func (g *global) showStatus(s *provision.Status) error {
	fmt.Fprintf(g.out, "Cluster %q on %s", s.Cluster, s.Target)
	if s.Version != "" {
		fmt.Fprintf(g.out, ", Kubernetes %s", report.Line(s.Version))
	}
	fmt.Fprint(g.out, "\n\n")
	w := tabwriter.NewWriter(g.out, 2, 8, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tADDRESS\tROLES\tSTATE\tKUBELET\tPODS\tOS")
	for _, h := range s.Hosts {
		kubelet, pods := "-", "-"
		if h.Node != nil {
			kubelet, pods = h.Node.Kubelet, strings.Join(h.Node.PodCIDRs, ",")
		}
		roles := make([]string, 0, len(h.Roles))
		for _, r := range h.Roles {
			roles = append(roles, string(r))
		}
		row(w, h.Name, h.Address.String(), strings.Join(roles, ","), hostState(h), kubelet, pods, h.OS)
	}
	if len(s.Etcd) > 0 {
		fmt.Fprintln(w, "\nETCD MEMBER\tENDPOINT\tSTATE\tVERSION\tDB MiB")
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
			row(w, m.Name, m.Endpoint, state, m.Version, fmt.Sprintf("%.1f", float64(m.DBSize)/(1<<20)))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, text := range []string{s.APIError, s.EtcdError} {
		if text != "" {
			fmt.Fprintln(g.out, "\n"+report.Clean(text))
		}
	}
	return nil
}

// row writes cells of which hosts have a say.
func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		cells[i] = report.Line(c)
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

func hostState(h provision.HostStatus) string {
	switch {
	case h.Error != "":
		return firstLine(h.Error)
	case len(h.PendingRestarts) > 0:
		return "must restart " + strings.Join(h.PendingRestarts, ", ")
	case h.Node == nil:
		return "answers"
	case !h.Node.Ready:
		return "NotReady: " + h.Node.Reason
	case h.Node.Unschedulable:
		return "Ready, cordoned"
	}
	return "Ready"
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
