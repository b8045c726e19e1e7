package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/plan"
	"provision/provision/resource"
)

// answers waits until a program that was restarted answers by itself, where nothing
// else of its component says so: systemd takes it for started before that, and
// one that does not come up must not be given to the next host.
func (s *Steps) answers(ctx context.Context, step plan.Step, r resource.Resource, gate component.Gate) error {
	if s.o.Surveyor.Task.Scope().Certificates {
		return nil // everything is restarted at once, in whatever order
	}
	for _, live := range gate.Live {
		if live.Unit != r.Address.Name || live.Relay || !s.proves(step, live, gate) {
			continue
		}
		params := api.ProbeParams{URL: live.URL, CA: live.CA, Shows: live.CA == "", Within: healthDeadline}
		err := api.Probe.Do(ctx, s.o.Fleet.Members[r.Address.Host].Agent, params)
		if err != nil {
			return fmt.Errorf("%s was restarted and does not start: %w; see: provision logs %s %s", r.Address.Name, err, r.Address.Host, r.Address.Name)
		}
	}
	return nil
}

// proves reports whether the answer says more than is waited for anyway. Of
// components without a gate only new programs are asked: others restart at once
// everywhere, and while there may be no API that they could be ready with.
func (s *Steps) proves(step plan.Step, live component.Live, gate component.Gate) bool {
	switch scheme, _, _ := strings.Cut(live.URL, "://"); {
	case gate.URL != "":
		return scheme == "https" && live.CA == "" // else the gate is its own
	case scheme != "http" || live.Unit == s.survey.Graph.Guards[step.Address.Host].Unit:
		return false // the Node's readiness says it
	}
	return slices.ContainsFunc(step.Causes, func(a resource.Address) bool {
		cause, _ := s.survey.Graph.Get(a)
		return cause.Drains
	})
}
