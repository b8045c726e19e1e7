package provision

import (
	"context"
	"fmt"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/resource"
)

// lives waits until the restarted program itself answers, where its component's
// gate is another program's: systemd takes it for started before that, and one
// that does not come up must not be given to the next host.
func (s *steps) lives(ctx context.Context, r resource.Resource, gate component.Gate) error {
	if s.o.Renew != nil {
		return nil // everything is restarted at once, in whatever order
	}
	for _, live := range gate.Live {
		if live.Unit != r.Address.Name || live.CA != "" || !strings.HasPrefix(live.URL, "https:") {
			continue // the gate is its own
		}
		_, err := s.o.fleet.members[r.Address.Host].agent.Probe(ctx, api.ProbeParams{URL: live.URL, Shows: true, Within: healthDeadline})
		if err != nil {
			return fmt.Errorf("%s was restarted and does not come up: %w; look at: provision logs %s %s", r.Address.Name, err, r.Address.Host, r.Address.Name)
		}
	}
	return nil
}
