package run

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/fleet"
	"provision/provision/resource"
)

// passes waits until a component's gate says that it works on a host.
func (s *Steps) passes(ctx context.Context, m *fleet.Member, gate component.Gate, within time.Duration) error {
	if gate.URL != "" {
		if err := api.Probe.Do(ctx, m.Agent, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: within}); err != nil {
			return err
		}
	}
	if gate.Unchanged == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return s.unchanged(ctx, gate.Unchanged(s.survey.Cluster, m.Host))
}

// unchanged waits until nothing is to change of a resource. No kind can tell of it
// by itself, so it is asked again and again, in growing steps.
func (s *Steps) unchanged(ctx context.Context, r resource.Resource) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		changes, err := s.o.Surveyor.CompareOne(ctx, r)
		if err == nil && len(changes) == 0 {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			timer.Stop()
		}
		if err == nil {
			c := changes[0]
			err = fmt.Errorf("%s is %s instead of %s", c.Field, cmp.Or(c.Old, "absent"), cmp.Or(c.New, "absent"))
		}
		return fmt.Errorf("%s: %w", r.Address, err)
	}
}
