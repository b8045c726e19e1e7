package cli

import (
	"fmt"
	"io"
	"strings"

	"provision/provision/event"
	"provision/provision/report"
)

// NoInventories refuses inventories where hosts are expected.
func NoInventories(args []string) error {
	for _, arg := range args {
		if strings.HasSuffix(arg, ".hcl") || strings.Contains(arg, "/") {
			return fmt.Errorf("%q is not a host; give the inventory with -i FILE", arg)
		}
	}
	return nil
}

// Again is a command line for the same cluster: the flags that say which one,
// then the verb. Values of variables are left out: they may be secret.
func Again(g *Global, verb ...string) string {
	var args []string
	switch g.Lab {
	case "":
	case LabOfCluster:
		args = append(args, "--lab")
	default:
		args = append(args, "--lab="+g.Lab)
	}
	args = append(args, verb...)
	for _, file := range g.Inventory {
		args = append(args, "-i", file)
	}
	for _, file := range g.VarFiles {
		args = append(args, "--var-file", file)
	}
	for _, v := range g.Vars {
		name, _, _ := strings.Cut(v, "=")
		args = append(args, "--var", name+"=...")
	}
	return CommandLine(args)
}

// Notes shows what a verb says of its progress.
func Notes(a *Application) event.Sink {
	if a.JSON {
		return event.Discard
	}
	return func(e event.Event) {
		if e.Type == event.Note {
			fmt.Fprintln(a.Out, report.Line(e.Text))
		}
	}
}

// widest is how long a cell may be: what is longer is told below the tables.
const widest = 40

// Row writes cells of which hosts have a say.
func Row(w io.Writer, cells ...string) {
	for i, c := range cells {
		cells[i] = Fits(report.Line(c))
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// Fits shortens a cell that is too long.
func Fits(text string) string {
	runes := []rune(text)
	if len(runes) <= widest {
		return text
	}
	return string(runes[:widest-1]) + "…"
}
