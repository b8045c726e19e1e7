package survey

import (
	"context"

	"provision/provision/access"
	"provision/provision/identity"
)

// compareEtcd finds out whether etcd is the one that the ledgers know. Members
// that do not answer are no reason to stop: others see to that.
func (sv *Surveyor) compareEtcd(ctx context.Context, s *Survey) error {
	if !sv.Keys.Formed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	ids, err := sv.API.EtcdIDs(ctx)
	if err != nil || len(ids) == 0 {
		return nil //nolint:nilerr // see above
	}
	// Members from before a restore are no members: see the etcd component.
	if ids = sv.Fleet.Decision.Identity.Current(ids); len(ids) == 0 {
		return nil
	}
	s.reformed, err = identity.SameEtcd(sv.Fleet.Decision.Identity.EtcdClusterID, ids)
	return err
}
