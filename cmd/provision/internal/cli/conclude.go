package cli

import (
	"encoding/json"
	"fmt"

	"provision/provision"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/report"
)

// Ended is the last line of an apply's JSON.
type Ended struct {
	Type    string        `json:"type"`
	Empty   bool          `json:"empty"`
	Done    int           `json:"done"`
	Failed  []failure     `json:"failed,omitempty"`
	Skipped []engine.Skip `json:"skipped,omitempty"`
	Error   string        `json:"error,omitempty"`
}

type failure struct {
	Address string `json:"address"`
	Error   string `json:"error"`
}

// Conclude says how a run ended that had a plan.
func (g *Global) Conclude(outcome *provision.Outcome, err error) {
	if g.JSON {
		g.Line(conclusion(outcome, err))
		return
	}
	if outcome.Plan.Empty() {
		fmt.Fprintln(g.Out, report.Summary(outcome.Plan))
		return
	}
	r := outcome.Result
	fmt.Fprintf(g.Out, "Done: %s, %d failed, %d not started.\n", event.Count(r.Done, "step"), len(r.Failed), len(r.Skipped))
	switch {
	case len(r.Failed) > 0:
		fmt.Fprintln(g.Out, "Fix the above and run the same command again: it continues from here.")
	case len(r.Skipped) > 0:
		fmt.Fprintln(g.Out, "Run the same command again: it continues from here.")
	}
}

func conclusion(outcome *provision.Outcome, err error) Ended {
	result := Ended{Type: "result", Empty: outcome.Plan.Empty(), Done: outcome.Result.Done, Skipped: outcome.Result.Skipped}
	for _, f := range outcome.Result.Failed {
		result.Failed = append(result.Failed, failure{f.Address.String(), f.Err.Error()})
	}
	if err != nil {
		result.Error = err.Error()
	}
	return result
}

// Told ends the JSON of a run that failed before it came to its conclusion.
func (a *Application) Told(err error) error {
	if err != nil && a.JSON && !a.Concluded {
		a.Line(Ended{Type: "result", Error: err.Error()})
	}
	return err
}

// Line writes a value as one line of JSON: a stream of them can be read while
// it is written.
func (g *Global) Line(value any) {
	_ = json.NewEncoder(g.Out).Encode(value) // a closed output must not stop a run
}
