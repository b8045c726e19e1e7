package trial

import (
	"errors"
	"fmt"
	"strings"

	"provision/provision/agent/api"
)

// Verdict is on a unit that does not work with its new settings.
type Verdict struct {
	Unit, Host string
	Why        error
	Result     api.TrialResult
	Failed     error    // to put back what worked
	Written    []string // FILE:LINE: PATH, see Written
}

// Err is the message for the operator.
func (v Verdict) Err() error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s does not work with its new settings: %s\n", v.Unit, short(v.Why))
	switch {
	case v.Failed != nil:
		fmt.Fprintf(&text, "cannot restore the last working settings: %s; apply again", short(v.Failed))
	case len(v.Result.Reverted) == 0:
		fmt.Fprintf(&text, "there is nothing to restore: it did not work before this change either")
	case v.Result.Still != "":
		fmt.Fprintf(&text, "%s has its last working settings back and still does not work: %s", v.Host, v.Result.Still)
	default:
		fmt.Fprintf(&text, "%s has its last working settings back and works", v.Host)
	}
	text.WriteString("; no later wave starts")
	for i, line := range v.Written {
		if i == 0 {
			text.WriteString("\ncorrect the inventory and apply again:")
		}
		text.WriteString("\n  " + line)
	}
	if len(v.Result.Log) > 0 {
		fmt.Fprintf(&text, "\n%s on %s said:\n  %s", v.Unit, v.Host, strings.Join(v.Result.Log, "\n  "))
	} else {
		fmt.Fprintf(&text, "\nsee: provision logs %s %s", v.Host, v.Unit)
	}
	return errors.New(text.String())
}

// short is the first line: agents send a log along, which is of several starts.
func short(err error) string {
	text := err.Error()
	var told *api.Error
	if errors.As(err, &told) {
		text = told.Message
	}
	first, _, _ := strings.Cut(text, "\n")
	return first
}
