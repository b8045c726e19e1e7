package cli

import (
	"fmt"

	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
	"provision/provision/report"
)

// Obtain shows how artifacts arrive, and says in the end what the store has.
func (g *Global) Obtain(opened *store.Store, do func(progress func(pull.Event)) error) error {
	view := &pullView{g: g}
	err := do(view.event)
	view.end()
	if g.JSON {
		result := struct {
			Type   string `json:"type"`
			Store  string `json:"store"`
			Reused int    `json:"reused"`
			Stored int    `json:"stored"`
			Error  string `json:"error,omitempty"`
		}{"result", opened.Dir(), view.reused, view.stored, ""}
		if err != nil {
			result.Error = err.Error()
		}
		g.Line(result)
	}
	if err != nil || g.JSON {
		return err
	}
	fmt.Fprintf(g.Out, "%d artifacts are in %s: %d were there, %d are new.\n",
		view.reused+view.stored, opened.Dir(), view.reused, view.stored)
	return nil
}

// pullView shows a pull: one line that moves on a terminal, a line an artifact
// elsewhere.
type pullView struct {
	g              *Global
	reused, stored int
	moving         bool
}

func (v *pullView) event(e pull.Event) {
	switch e.Stage {
	case pull.Reused:
		v.reused++
	case pull.Stored:
		v.stored++
	}
	if v.g.JSON {
		v.g.Line(e)
		return
	}
	switch e.Stage {
	case pull.Stored:
		v.end()
		fmt.Fprintf(v.g.Out, "[%d/%d] %s %s (%.0fs)\n", e.Index, e.Count, e.Ref, e.Source, e.Elapsed.Seconds())
	case pull.Failed:
		v.end()
		fmt.Fprintf(v.g.Out, "[%d/%d] %s failed: %s\n", e.Index, e.Count, e.Ref, report.Clean(fmt.Sprint(e.Err)))
	case pull.Reused, pull.Waiting, pull.Trying, pull.Passed:
	case pull.Downloading, pull.Building:
		if v.g.terminal {
			text := fmt.Sprintf("[%d/%d] %s %s %d", e.Index, e.Count, e.Ref, e.Stage, e.Done)
			if e.Total > 0 {
				text += fmt.Sprintf(" of %d", e.Total)
			}
			fmt.Fprintf(v.g.Out, "\r\x1b[K%s", text)
			v.moving = true
		} else if e.Done == 0 {
			fmt.Fprintf(v.g.Out, "[%d/%d] %s %s\n", e.Index, e.Count, e.Ref, e.Stage)
		}
	}
}

func (v *pullView) end() {
	if v.moving {
		fmt.Fprint(v.g.Out, "\r\x1b[K")
		v.moving = false
	}
}
