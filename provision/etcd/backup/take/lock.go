package take

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"provision/provision/etcd/backup"
)

// leaseSeconds is how long the lock outlives its holder.
const leaseSeconds = 60

// win takes the lock of backups. Held is who has it, "" when it is ours. The
// context ends when the lease is lost: a holder that was suspended for longer
// than it lasts does not go on beside the next.
func (s *session) win(ctx context.Context) (held string, locked context.Context, release func(), err error) {
	asked, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	lease, err := s.etcd.Grant(asked, leaseSeconds)
	if err != nil {
		return "", nil, nil, fmt.Errorf("asking etcd for a lease: %w", err)
	}
	revoke := func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), asking)
		defer cancel()
		_, _ = s.etcd.Revoke(ending, lease.ID) // else it ends by itself
	}
	answer, err := s.etcd.Txn(asked).If(clientv3.Compare(clientv3.CreateRevision(backup.LockKey), "=", 0)).
		Then(clientv3.OpPut(backup.LockKey, s.Config.Host, clientv3.WithLease(lease.ID))).Else(clientv3.OpGet(backup.LockKey)).Commit()
	if err != nil {
		revoke()
		return "", nil, nil, fmt.Errorf("locking backups in etcd: %w", err)
	}
	if !answer.Succeeded {
		revoke()
		held = "another host"
		if kvs := answer.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
			held = string(kvs[0].Value)
		}
		return held, nil, nil, nil
	}
	locked, stop := context.WithCancelCause(ctx)
	beats, err := s.etcd.KeepAlive(locked, lease.ID)
	if err != nil {
		stop(err)
		revoke()
		return "", nil, nil, fmt.Errorf("keeping the lease: %w", err)
	}
	go func() {
		for range beats { //nolint:revive // until it ends
		}
		stop(fmt.Errorf("the lease in etcd was lost; another host may be at work"))
	}()
	return "", locked, func() { stop(nil); revoke() }, nil
}
