package preflight

import (
	"fmt"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/component"
)

type portOf = component.Port

// name is "6443" or "8472/udp".
func name(p component.Port) string {
	if p.UDP {
		return fmt.Sprintf("%d/udp", p.Number)
	}
	return fmt.Sprint(p.Number)
}

func holder(t api.Taken) string {
	switch {
	case t.PID == 0:
		return "the kernel, or by a process of another namespace"
	case t.Unit != "":
		return fmt.Sprintf("%s (process %d of %s)", t.Command, t.PID, t.Unit)
	}
	return fmt.Sprintf("%s (process %d)", t.Command, t.PID)
}

func stop(t api.Taken) string {
	switch {
	case strings.HasSuffix(t.Unit, ".service"):
		return "stop that, if nobody needs it: systemctl disable --now " + t.Unit
	case t.PID != 0:
		return fmt.Sprintf("see what it is, and stop it: ps -fp %d", t.PID)
	}
	return "look for it with ss -lntup, or for interfaces with ip -d link"
}

func listens(h Host, p component.Port) bool {
	return slices.ContainsFunc(h.Found.Taken, func(t api.Taken) bool { return t.Port.Number == p.Number && t.Port.UDP == p.UDP })
}

// some lists names, at most five of them.
func some(names []string) string {
	const most = 5
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
