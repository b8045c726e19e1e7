package survey

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/event"
	"provision/provision/examine"
	"provision/provision/fleet"
	"provision/provision/preflight"
)

// admit examines the hosts that are not what their roles say yet. Those that
// are not fit are skipped, with all reasons.
func (sv *Surveyor) admit(ctx context.Context, s *Survey) error {
	if slices.Contains(sv.IgnorePreflight, "all") || !slices.ContainsFunc(sv.Examiner().Candidates(), preflight.Host.New) {
		return nil
	}
	sv.Fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Checking the hosts that join"})
	in := sv.Examiner().Examination(preflight.Host.New)
	in.Brief = true
	e := examine.Run(ctx, in)
	if err := ctx.Err(); err != nil {
		return err
	}
	refused := map[string]error{}
	for _, h := range e.Hosts {
		if bad := preflight.Refused(e.Findings, h.Name); h.New() && len(bad) > 0 {
			refused[h.Name] = unfit(h.Name, bad)
		}
	}
	for _, f := range e.Findings {
		if f.Severity == preflight.Warning || f.Host == "" || refused[f.Host] == nil {
			s.warn = append(s.warn, strings.TrimPrefix(f.Host+": "+f.String(), ": "))
		}
	}
	return sv.Fleet.Refuse(refused)
}

func unfit(host string, bad []preflight.Finding) error {
	lines := make([]string, 0, len(bad))
	for _, f := range bad {
		lines = append(lines, fmt.Sprintf("%s: %s", f.Check, f))
	}
	return &fleet.NotFitError{Host: host, Lines: lines}
}

func (sv *Surveyor) Examiner() *examine.Reader {
	return &examine.Reader{Fleet: sv.Fleet, Components: sv.Components, AllowUntestedOS: sv.AllowUntestedOS, Ignore: sv.IgnorePreflight}
}
