package agent

import (
	"context"
	"sync"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/lease"
	"provision/provision/internal/proc"
)

// maxAwait bounds a wait, whatever is asked.
const maxAwait = 5 * time.Minute

// await waits while the session that has the lock now is silent, or brief. It
// returns when that session has let the lock go, must be over, or was heard of
// again; or when the time is up. Who has the lock then, only asking for it tells.
func (s *session) await(ctx context.Context, params api.AwaitParams) (api.Empty, error) {
	first, ok, err := s.holding()
	if err != nil || !ok {
		return api.Empty{}, err
	}
	within, cancel := context.WithTimeout(ctx, min(params.Within, maxAwait))
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		if proc.Wait(within, first.Process.ID) == nil {
			close(ended)
		}
	})
	defer watch.Wait()
	defer cancel()
	ticker := time.NewTicker(beatEvery) // leases say nothing new more often
	defer ticker.Stop()
	for now := first; ok && now.ID == first.ID && pending(now, params.Brief); {
		select {
		case <-ended:
			return api.Empty{}, nil
		case <-within.Done():
			return api.Empty{}, ctx.Err()
		case <-ticker.C:
		}
		if now, ok, err = s.holding(); err != nil {
			return api.Empty{}, err
		}
	}
	return api.Empty{}, nil
}

// pending reports whether the end of a lease is worth waiting for.
func pending(e lease.Entry, brief bool) bool {
	now := lease.Clock()
	return !e.Expired(now) && (brief || now-e.Heard > api.Quiet)
}

// holding is the lease of the session that has the lock.
func (s *session) holding() (holder lease.Entry, ok bool, err error) {
	entries, err := lease.List(s.beat.dir)
	if err != nil {
		return lease.Entry{}, false, err
	}
	for _, e := range entries {
		if e.Held && !e.Over && !e.Blobs && e.Process.Running() {
			return e, true, nil
		}
	}
	return lease.Entry{}, false, nil
}
