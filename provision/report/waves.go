package report

import (
	"fmt"
	"io"
	"strings"

	"provision/provision/event"
	"provision/provision/plan"
)

// shownHosts bounds how many hosts of a wave are named.
const shownHosts = 8

// shownWaves bounds how many waves have a line.
const shownWaves = 12

// waves tells in which order Nodes are emptied and changed.
func waves(w io.Writer, p *plan.Plan, style Style) {
	if len(p.Waves) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", style.paint("1", "Hosts change in waves; if one fails, no later wave starts:"))
	for i, wave := range p.Waves {
		if more := len(p.Waves) - i; i == shownWaves && more > 1 {
			last := p.Waves[len(p.Waves)-1]
			fmt.Fprintf(w, "   …  %d more, up to %s\n", more, hosts(last.Hosts))
			return
		}
		note := ""
		switch {
		case wave.Rest:
			note = "  (left cordoned by an earlier run)"
		case wave.Again:
			note = "  (changed by an earlier run, not yet seen working)"
		case wave.Canary:
			note = "  (canary)"
		}
		switch len(wave.Pods) {
		case 0:
		case len(wave.Hosts):
			note += "  (pods stay)"
		default:
			note += "  (pods stay on " + hosts(wave.Pods) + ")"
		}
		fmt.Fprintf(w, "  %2d  %s%s\n", i+1, hosts(wave.Hosts), note)
	}
}

func hosts(list []string) string {
	text := Line(strings.Join(list[:min(len(list), shownHosts)], ", "))
	if more := len(list) - shownHosts; more > 0 {
		text += " and " + event.Count(more, "more host")
	}
	return text
}
