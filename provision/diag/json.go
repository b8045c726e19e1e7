package diag

import (
	"encoding/json"

	"github.com/hashicorp/hcl/v2"
)

type jsonPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

type jsonPlace struct {
	Label    string  `json:"label,omitempty"`
	Filename string  `json:"filename"`
	Start    jsonPos `json:"start"`
	End      jsonPos `json:"end"`
	Snippet  string  `json:"snippet,omitempty"`
}

// MarshalJSON gives a diagnostic its machine-readable form; the first range
// is the place of the problem.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	out := struct {
		Severity Severity    `json:"severity"`
		Summary  string      `json:"summary"`
		Detail   string      `json:"detail,omitempty"`
		Ranges   []jsonPlace `json:"ranges,omitempty"`
	}{Severity: d.Severity, Summary: d.Summary, Detail: d.Detail}
	for _, p := range d.Places {
		out.Ranges = append(out.Ranges, jsonPlace{
			Label: p.Label, Filename: p.Range.Filename, Snippet: p.Snippet,
			Start: pos(p.Range.Start), End: pos(p.Range.End),
		})
	}
	return json.Marshal(out)
}

func pos(p hcl.Pos) jsonPos { return jsonPos{Line: p.Line, Column: p.Column, Byte: p.Byte} }

// Report is the JSON document of a validation.
type Report struct {
	Valid        bool `json:"valid"`
	ErrorCount   int  `json:"error_count"`
	WarningCount int  `json:"warning_count"`
	Diagnostics  List `json:"diagnostics"`
}

// NewReport counts and wraps a list, for --json.
func NewReport(list List) Report {
	if list == nil {
		list = List{}
	}
	return Report{
		Valid: !list.HasErrors(), ErrorCount: list.Count(Error),
		WarningCount: list.Count(Warning), Diagnostics: list,
	}
}
