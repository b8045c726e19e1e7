package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/plan"
	"provision/provision/survey"
)

// uploads sends each host the blobs that its steps need, those on the critical
// path first, so that etcd starts while the last blob is still on its way.
type uploads struct {
	hosts  map[string]*upload
	cancel context.CancelFunc
	all    sync.WaitGroup
}

type upload struct {
	arrived map[string]chan struct{}
	ended   chan struct{}
	agent   fleet.Agent
	err     error
}

// startUploads begins at once; wait and close belong to it.
func (rn *Runner) startUploads(ctx context.Context, s *survey.Survey, p *plan.Plan) *uploads {
	ctx, cancel := context.WithCancel(ctx)
	u := &uploads{hosts: map[string]*upload{}, cancel: cancel}
	need := map[string][]string{}
	depths := p.Depths()
	byDepth := slices.Clone(p.Steps)
	slices.SortStableFunc(byDepth, func(a, b plan.Step) int { return depths[b.Address] - depths[a.Address] })
	for _, step := range byDepth {
		r, ok := s.Graph.Get(step.Address)
		if !ok || r.Address.IsCluster() {
			continue
		}
		need[r.Address.Host] = append(need[r.Address.Host], r.Blobs...)
	}
	for host, digests := range need {
		missing := s.Hosts[host].Result.Missing
		one := &upload{arrived: map[string]chan struct{}{}, ended: make(chan struct{}), agent: rn.Fleet.Members[host].Agent}
		var blobs []fleet.Blob
		for _, digest := range digests {
			have, misses := missing[digest]
			if _, queued := one.arrived[digest]; !misses || queued {
				continue
			}
			one.arrived[digest] = make(chan struct{})
			blobs = append(blobs, rn.blob(digest, have))
		}
		u.hosts[host] = one
		u.all.Go(func() { rn.upload(ctx, host, one, blobs) })
	}
	return u
}

func (rn *Runner) blob(digest string, have int64) fleet.Blob {
	size, err := rn.Surveyor.Store.Size(digest)
	return fleet.Blob{SHA256: digest, Size: size, Have: have, Open: func(offset int64) (io.ReadCloser, error) {
		if err != nil {
			return nil, err
		}
		return rn.Surveyor.Store.OpenAt(digest, offset)
	}}
}

func (rn *Runner) upload(ctx context.Context, host string, one *upload, blobs []fleet.Blob) {
	defer close(one.ended)
	if len(blobs) == 0 {
		return
	}
	var total, sent, told int64
	for _, b := range blobs {
		total += b.Size - b.Have
	}
	var mu sync.Mutex
	progress := func(bytes int64) {
		rn.Keys.Point("sent " + host)
		mu.Lock()
		defer mu.Unlock()
		sent += bytes
		if sent-told < toldEvery && sent < total {
			return
		}
		told = sent
		rn.Fleet.Emit(event.Event{Type: event.Transfer, Host: host, Done: sent, Total: total})
	}
	arrived := func(digest string) {
		if done, ok := one.arrived[digest]; ok {
			close(done)
		}
	}
	// Without the session nobody needs them.
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-one.agent.Done():
			cancel(one.lost(host))
		case <-ctx.Done():
		}
	})
	defer watch.Wait()
	defer cancel(nil)
	if err := one.agent.SendBlobs(ctx, blobs, arrived, progress); err != nil {
		one.err = fmt.Errorf("sending artifacts to %s: %w", host, err)
	}
}

// lost says that the session ended, and why.
func (u *upload) lost(host string) error {
	why := u.agent.Err()
	if why == nil {
		why = errors.New("its agent ended")
	}
	return fmt.Errorf("cannot send artifacts: lost the connection to %s: %w; apply again when it is back: what arrived is not sent again", host, why)
}

// failed is why blobs do not arrive, once the sending or the session ended.
func (u *upload) failed(host string) error {
	select {
	case <-u.agent.Done():
		return u.lost(host)
	default:
		return u.err
	}
}

// toldEvery is how many bytes go between two events of a transfer.
const toldEvery = 8 << 20

// wait returns when the host has the blobs.
func (u *uploads) wait(ctx context.Context, host string, digests []string) error {
	one := u.hosts[host]
	if one == nil {
		return nil
	}
	for _, digest := range digests {
		arrived, queued := one.arrived[digest]
		if !queued {
			continue
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		case <-one.agent.Done():
			return one.lost(host)
		case <-one.ended:
			select {
			case <-arrived:
			default:
				return one.failed(host)
			}
		}
	}
	return nil
}

// close stops what is still being sent.
func (u *uploads) close() {
	u.cancel()
	u.all.Wait()
}
