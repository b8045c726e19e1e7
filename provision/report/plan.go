package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"provision/provision/event"
	"provision/provision/plan"
	"provision/provision/resource"
)

// Style says how to write.
type Style struct {
	Color bool
	// Verbose lists every field of things that are created.
	Verbose bool
}

var signs = map[plan.Action]string{
	plan.Create: "+", plan.Update: "~", plan.Remove: "-", plan.Restart: "↻", plan.Reboot: "⏻",
	plan.Reload: "↻", plan.Wait: "…", plan.Unknown: "?",
}

var colors = map[plan.Action]string{
	plan.Create: "32", plan.Update: "33", plan.Remove: "31", plan.Restart: "36", plan.Reload: "36", plan.Reboot: "36", plan.Unknown: "35",
}

func (s Style) paint(code, text string) string {
	if !s.Color || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Plan writes what an apply would do, host by host.
func Plan(w io.Writer, p *plan.Plan, style Style) {
	fmt.Fprint(w, Header(p))
	if p.UUID == "" {
		fmt.Fprint(w, " (new)")
	}
	fmt.Fprint(w, "\n")
	if len(p.Targets) > 0 {
		fmt.Fprintf(w, "Only %s and what that requires: %d other steps left out.\n", Line(strings.Join(p.Targets, ", ")), p.LeftOut)
	}
	hops(w, p, style)
	byHost := map[string][]plan.Step{}
	var hosts []string
	for _, s := range p.Steps {
		if s.Action == plan.Wait {
			continue
		}
		if byHost[s.Address.Host] == nil {
			hosts = append(hosts, s.Address.Host)
		}
		byHost[s.Address.Host] = append(byHost[s.Address.Host], s)
	}
	for _, host := range hosts {
		fmt.Fprintf(w, "\n%s\n", style.paint("1", Line(host)))
		for _, s := range byHost[host] {
			step(w, s, style)
		}
	}
	for _, h := range p.Hosts {
		if h.Error != "" {
			fmt.Fprintf(w, "\n%s is skipped: %s\n", style.paint("31", Line(h.Name)), indent(Clean(h.Error), "  "))
		}
	}
	waves(w, p, style)
	removals(w, p, style)
	for _, text := range p.Warnings {
		fmt.Fprintf(w, "\n%s %s\n", style.paint("33", "Warning:"), indent(Clean(text), "  "))
	}
	fmt.Fprintf(w, "\n%s\n", Summary(p))
}

// Header names what a plan is about: the cluster, its environment, and whether
// the hosts are real ones.
func Header(p *plan.Plan) string {
	text := fmt.Sprintf("Cluster %q", p.Cluster)
	if p.Environment != "" {
		text += fmt.Sprintf(", environment %q,", p.Environment)
	}
	return text + " on " + Line(p.Target)
}

// removals tells what leaves the cluster, and what an apply must be told.
func removals(w io.Writer, p *plan.Plan, style Style) {
	if p.Removals == nil {
		return
	}
	fmt.Fprintf(w, "\n%s\n%s\n", style.paint("31", "Removed from the cluster:"), Clean(p.Removals.List("  ")))
	if len(p.Removals.Lost) > 0 {
		fmt.Fprintf(w, "  No host with the role %s is left.\n", Line(strings.Join(p.Removals.Lost, ", ")))
	}
	if p.Removals.NeedsLeave() {
		fmt.Fprintf(w, "  To apply this, add %s.\n", p.Removals.Flag())
	}
}

func step(w io.Writer, s plan.Step, style Style) {
	sign := style.paint(colors[s.Action], signs[s.Action])
	fmt.Fprintf(w, "  %s %s", sign, Line(s.Address.ID()))
	var notes []string
	if s.Act != "" {
		note := Line(string(s.Act))
		if len(s.Causes) > 0 {
			note += " because of " + names(s.Causes)
		}
		notes = append(notes, note)
	}
	if s.Irreversible {
		notes = append(notes, "cannot be undone")
	}
	if len(notes) > 0 {
		fmt.Fprintf(w, "  (%s)", strings.Join(notes, "; "))
	}
	fmt.Fprintln(w)
	if s.Action == plan.Create && !style.Verbose || s.Action == plan.Remove && !s.Address.IsCluster() && s.Address.Kind != plan.IdentityKind {
		return // the sign says it all
	}
	for _, c := range s.Changes {
		fmt.Fprintf(w, "      %s\n", indent(Clean(change(c)), "      "))
	}
}

func change(c resource.Change) string {
	to := c.New
	switch {
	case c.Create || c.Old == "" && to != "":
		return c.Field + ": " + to
	case to == "":
		return c.Field + ": " + c.Old
	case strings.Contains(c.Old+to, "\n"):
		return c.Field + ":\n" + c.Old + "→\n" + to
	}
	return c.Field + ": " + c.Old + " → " + to
}

func names(list []resource.Address) string {
	var ids []string
	for i, a := range list {
		if i == 3 {
			ids = append(ids, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		ids = append(ids, Line(a.ID()))
	}
	return strings.Join(ids, ", ")
}

func indent(text, by string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}

// Summary is the last line of a plan.
func Summary(p *plan.Plan) string {
	if p.Empty() {
		if p.Incomplete() {
			return "Nothing changes on the hosts that answered."
		}
		if len(p.Targets) > 0 {
			return fmt.Sprintf("Nothing changes for the targets; left out elsewhere: %s.", event.Count(p.LeftOut, "step"))
		}
		return "Nothing changes: the cluster matches the inventory."
	}
	n := p.Count()
	text := fmt.Sprintf("Plan: %d to create, %d to change, %d to restart or reload, %d to remove",
		n[plan.Create], n[plan.Update], n[plan.Restart]+n[plan.Reload], n[plan.Remove])
	if n[plan.Reboot] > 0 {
		text += fmt.Sprintf(", %d to reboot", n[plan.Reboot])
	}
	if n[plan.Unknown] > 0 {
		text += fmt.Sprintf(", %d known later", n[plan.Unknown])
	}
	return text + "."
}

// JSON writes any value of the program's output, indented, with a newline.
func JSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
