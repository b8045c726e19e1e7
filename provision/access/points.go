package access

import (
	"context"

	"provision/provision/cluster"
)

// watchedMembers has a kill point after each change of etcd's members.
type watchedMembers struct {
	cluster.Members
	point func(name string)
}

// AddLearner implements cluster.Members.
func (w watchedMembers) AddLearner(ctx context.Context, peerURLs []string) (cluster.Member, error) {
	member, err := w.Members.AddLearner(ctx, peerURLs)
	if err == nil {
		w.point("member added")
	}
	return member, err
}

// Remove implements cluster.Members.
func (w watchedMembers) Remove(ctx context.Context, id uint64) error {
	err := w.Members.Remove(ctx, id)
	if err == nil {
		w.point("member removed")
	}
	return err
}
