package report

import (
	"fmt"
	"io"
	"strings"

	"provision/provision/event"
	"provision/provision/plan"
)

// hops tells the way of an upgrade over several minor releases.
func hops(w io.Writer, p *plan.Plan, style Style) {
	if len(p.Hops) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s one minor release after the other:\n", style.paint("1", "Upgrade in "+event.Count(len(p.Hops), "hop")+","))
	for i, hop := range p.Hops {
		fmt.Fprintf(w, "  %d. Kubernetes %s, etcd %s", i+1, Line(hop.Kubernetes), Line(hop.Etcd))
		if hop.Kubelet != "" {
			fmt.Fprintf(w, ", kubelets %s", Line(hop.Kubelet))
		}
		if i == 0 {
			fmt.Fprint(w, "  (shown below; apply continues with the others)")
		}
		fmt.Fprintln(w)
		if len(hop.Missing) > 0 {
			fmt.Fprintf(w, "     %s %s\n", style.paint("31", "not in the store:"), Line(strings.Join(hop.Missing, ", ")))
		}
	}
}
