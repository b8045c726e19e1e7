package run

import (
	"context"
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/fleet"
)

// serversReady waits until the API server of every master that takes part is
// ready: each was asked after its restart, and none may have failed since.
func (s *Steps) serversReady(ctx context.Context) error {
	var masters []string
	for _, m := range s.o.Fleet.Masters() {
		masters = append(masters, m.Host.Name)
	}
	errs := map[string]error{}
	for _, c := range s.o.Surveyor.Components {
		tiered, ok := c.(component.Tiered)
		if gate := c.Gate(); ok && tiered.Tier() == component.TierServers && gate.URL != "" {
			errs = fleet.Each(masters, func(name string) error {
				err := api.Probe.Do(ctx, s.o.Fleet.Members[name].Agent, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: healthDeadline})
				return err
			})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("kubelets wait until every API server is ready: %w", fleet.InOrder(errs))
}
