package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Severity says whether a problem stops the run.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Place is a range of the source with the lines it stands on.
type Place struct {
	// Label says what is here when a diagnostic has several places.
	Label string
	Range hcl.Range
	// Snippet is the text of the first line of the range, without its line
	// end; "" when the source may not be shown (a decrypted file).
	Snippet string
	// Hidden keeps the line out, where a secret may stand by mistake.
	Hidden bool
}

// Diagnostic is one problem.
type Diagnostic struct {
	Severity Severity
	Summary  string // what is wrong, a short sentence without a full stop
	Detail   string // why, and what to do
	// Places holds the place of the problem first, then those that matter to
	// it. It is empty for problems that no file is to blame for.
	Places []Place
}

// List is what a check found. The zero value is ready to use.
type List []Diagnostic

// Errorf returns an error at a range.
func Errorf(at hcl.Range, summary, format string, args ...any) Diagnostic {
	return create(Error, at, summary, format, args)
}

// Warningf returns a warning at a range.
func Warningf(at hcl.Range, summary, format string, args ...any) Diagnostic {
	return create(Warning, at, summary, format, args)
}

func create(s Severity, at hcl.Range, summary, format string, args []any) Diagnostic {
	d := Diagnostic{Severity: s, Summary: summary, Detail: format}
	if len(args) > 0 {
		d.Detail = fmt.Sprintf(format, args...)
	}
	if at != (hcl.Range{}) {
		d.Places = []Place{{Range: at}}
	}
	return d
}

// And adds a second place to the diagnostic, with a label that explains it.
func (d Diagnostic) And(label string, at hcl.Range) Diagnostic {
	if at != (hcl.Range{}) {
		d.Places = append(slices.Clone(d.Places), Place{Label: label, Range: at})
	}
	return d
}

// Hide keeps the lines of the source out of the diagnostic.
func (d Diagnostic) Hide() Diagnostic {
	d.Places = slices.Clone(d.Places)
	for i := range d.Places {
		d.Places[i].Hidden = true
	}
	return d
}

// Error makes a single diagnostic usable as an error.
func (d Diagnostic) Error() string {
	var b strings.Builder
	if len(d.Places) > 0 {
		b.WriteString(position(d.Places[0].Range) + ": ")
	}
	b.WriteString(d.Summary)
	if d.Detail != "" {
		b.WriteString(": " + d.Detail)
	}
	return b.String()
}

// FromHCL converts what the HCL library reports.
func FromHCL(diags hcl.Diagnostics) List {
	list := make(List, 0, len(diags))
	for _, h := range diags {
		d := Diagnostic{Severity: Error, Summary: h.Summary, Detail: h.Detail}
		if h.Severity == hcl.DiagWarning {
			d.Severity = Warning
		}
		if h.Subject != nil {
			d.Places = []Place{{Range: *h.Subject}}
		} else if h.Context != nil {
			d.Places = []Place{{Range: *h.Context}}
		}
		list = append(list, d)
	}
	return list
}

// HasErrors reports whether any of them stops the run.
func (l List) HasErrors() bool { return l.Count(Error) > 0 }

// Count returns how many have the severity.
func (l List) Count(s Severity) int {
	n := 0
	for _, d := range l {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Err returns the errors as one error, or nil when there are none.
func (l List) Err() error {
	var errs []error
	for _, d := range l {
		if d.Severity == Error {
			errs = append(errs, d)
		}
	}
	return errors.Join(errs...)
}

// Sorted returns a copy ordered by file and position, without repeats;
// problems without a place come first, errors before warnings.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, compare)
	return slices.CompactFunc(out, func(a, b Diagnostic) bool { return compare(a, b) == 0 })
}

func compare(a, b Diagnostic) int {
	ra, rb := a.at(), b.at()
	return cmp.Or(
		cmp.Compare(ra.Filename, rb.Filename),
		cmp.Compare(ra.Start.Line, rb.Start.Line),
		cmp.Compare(ra.Start.Column, rb.Start.Column),
		cmp.Compare(a.Severity, b.Severity), // "error" < "warning"
		cmp.Compare(a.Summary, b.Summary),
		cmp.Compare(a.Detail, b.Detail),
		slices.CompareFunc(a.Places, b.Places, func(p, q Place) int {
			return cmp.Compare(position(p.Range), position(q.Range))
		}),
	)
}

func (d Diagnostic) at() hcl.Range {
	if len(d.Places) == 0 {
		return hcl.Range{}
	}
	return d.Places[0].Range
}

func position(r hcl.Range) string {
	return fmt.Sprintf("%s:%d,%d", r.Filename, r.Start.Line, r.Start.Column)
}
