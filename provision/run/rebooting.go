package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/lock"
)

// How long things may take around a reboot.
const (
	rebootWithin = 15 * time.Minute // large machines test their memory first
	goneWithin   = 30 * time.Second // until the connection ends; then it is given up
	firstRetry   = 500 * time.Millisecond
	lastRetry    = 5 * time.Second
	relockWithin = 45 * time.Second
	wellWithin   = 8 * time.Minute // for each: what is cold reads its disks first
)

// reboot restarts a host and returns when it is locked again and well. Its Node
// is uncordoned by a step of its own.
func (s *Steps) reboot(ctx context.Context, host string) error {
	o, m := s.o, s.o.Fleet.Members[host]
	if m == nil {
		return fmt.Errorf("host %s is skipped", host)
	}
	if err := o.Surveyor.Spared(ctx, host); err != nil {
		return err
	}
	if err := o.Lock.Held.Leave(host); err != nil {
		return err
	}
	m.Agent.Leave()
	epoch, err := s.restarted(ctx, m)
	if err != nil {
		m.Agent.Stay()
		o.Lock.Held.Give(ctx, host, err)
		return err
	}
	o.Lock.Held.Back(host)
	return s.wellAgain(ctx, m, epoch)
}

// restarted returns when the host runs another boot and is locked by this run,
// with the epoch of that lock.
func (s *Steps) restarted(ctx context.Context, m *fleet.Member) (uint64, error) {
	o, host, was := s.o, m.Host.Name, m.Facts.BootID
	old := m.Agent.Session()
	err := api.Reboot.Do(ctx, old, api.RebootParams{Epoch: s.epoch, BootID: was})
	var refused *api.Error
	if errors.As(err, &refused) {
		return 0, err
	}
	// An answer that did not come says nothing: the boot id will. The host goes
	// down when the session has ended.
	_ = old.Close()
	o.Keys.Point("rebooting " + host)
	gone, cancel := context.WithTimeout(ctx, goneWithin)
	o.Fleet.Connector.Gone(gone, m.Host)
	cancel()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	fresh, known, err := o.redial(ctx, m, was)
	if err != nil {
		return 0, err
	}
	m.Agent.Replace(fresh)
	o.Keys.Point("rebooted " + host)
	return s.relock(ctx, m, known)
}

// redial connects to a host until it runs another boot.
func (rn *Runner) redial(ctx context.Context, m *fleet.Member, was string) (fleet.Agent, facts.Host, error) {
	host, within := m.Host.Name, cmp.Or(rn.Surveyor.Task.Scope().Back, rebootWithin)
	ctx, cancel := context.WithTimeoutCause(ctx, within, errTooLong)
	defer cancel()
	waiting := rn.Fleet.Wait("rebooting", []string{host})
	defer waiting.Stop()
	var last error
	for gap := firstRetry; ; gap = min(2*gap, lastRetry) {
		rn.Fleet.Connector.Forget(m.Host)
		agent, known, err := rn.Fleet.Reconnect(ctx, m)
		switch {
		case err == nil && known.BootID != was:
			return agent, known, nil
		case err == nil:
			_ = agent.Close()
			last = errors.New("it answers, but has not rebooted")
		case ctx.Err() == nil:
			last = err
		}
		timer := time.NewTimer(gap) // nothing tells when a host is up
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() == nil {
			continue
		}
		if !errors.Is(context.Cause(ctx), errTooLong) {
			return nil, facts.Host{}, context.Cause(ctx)
		}
		return nil, facts.Host{}, fmt.Errorf("host %s did not come back within %s after its reboot; check its console: it is off, waits for someone, or has no network. Once it is up, run the same command again: %w",
			host, within, last)
	}
}

var errTooLong = errors.New("it took too long")

// relock takes the lock of a host that has lost it with its boot. Its renewal
// timer may have had it meanwhile. Another run cannot, unless the host alone keeps
// the cluster's lock: then it has written its roster.
func (s *Steps) relock(ctx context.Context, m *fleet.Member, known facts.Host) (uint64, error) {
	o, host := s.o, m.Host.Name
	ctx, cancel := context.WithTimeout(ctx, relockWithin)
	defer cancel()
	for {
		if m.Host.Keeper() && !s.sameRoster(known.Owned.Roster) {
			return 0, fmt.Errorf("another run changed the cluster while host %s rebooted; run the same command again", host)
		}
		params := api.LockParams{Holder: o.Lock.Holder, Doing: "after the reboot of " + host, Epoch: known.Owned.Epoch + 1, Seen: &known.Owned.Epoch}
		if o.Fleet.Decision.Identity != nil {
			params.UUID = o.Fleet.Decision.Identity.UUID
		}
		result, err := api.Lock.Call(ctx, m.Agent, params)
		switch {
		case err != nil:
			return 0, lock.LockFailed(host, err)
		case result.Granted:
			return params.Epoch, nil
		case result.Brief || result.Silent > api.Quiet:
			err = api.Await.Do(ctx, m.Agent, api.AwaitParams{Brief: result.Brief, Within: relockWithin})
		case result.Holder != "":
			return 0, &lock.LockedError{Host: host, Holder: result.Holder, Doing: result.Doing, Since: result.Since, Silent: result.Silent}
		}
		if err == nil {
			known, err = api.Facts.Call(ctx, m.Agent, api.FactsParams{})
		}
		if err != nil {
			return 0, err
		}
	}
}

// sameRoster reports whether the roster is the one that this run has written.
func (s *Steps) sameRoster(found *facts.Roster) bool {
	s.roster.Lock()
	defer s.roster.Unlock()
	return found != nil && found.Written.Equal(s.o.rosterWritten)
}

// wellAgain waits until a host that has rebooted is as it was before: its boot is
// over, what its components ask for is answered, its units run, and its Node is
// Ready.
func (s *Steps) wellAgain(ctx context.Context, m *fleet.Member, epoch uint64) error {
	o, host := s.o, m.Host.Name
	boot, err := api.Reboot.Call(ctx, m.Agent, api.RebootParams{Epoch: epoch, BootID: m.Facts.BootID})
	if err != nil {
		return err
	}
	if boot.State != "running" {
		o.Fleet.Emit(event.Event{Type: event.Warning, Host: host, Text: "systemd reports the boot of host " + host + " as " + boot.State + "; see systemctl --failed there"})
	}
	for _, c := range o.Surveyor.Components {
		if !c.Runs(s.survey.Cluster, m.Host) {
			continue
		}
		if err := s.passes(ctx, m, c.Gate(), wellWithin); err != nil {
			return fmt.Errorf("host %s has rebooted, and %s is not healthy there: %w", host, c.Name(), err)
		}
	}
	if err := s.unitsBack(ctx, m); err != nil {
		return err
	}
	if !m.Host.Joins() || o.Surveyor.Isolated()[host] {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wellWithin)
	defer cancel()
	since, err := s.kubeletSince(ctx, m)
	if err == nil {
		err = o.API.NodeReports(ctx, host, since, func(string) {})
	}
	if err != nil {
		return fmt.Errorf("host %s has rebooted, and its Node is not healthy: %w%s", host, err, s.kubeletLog(m))
	}
	return nil
}

// unitsBack waits until the units that ran before the reboot do so again. Some
// start more than once, until what they talk to is there.
func (s *Steps) unitsBack(ctx context.Context, m *fleet.Member) error {
	units := s.survey.Hosts[m.Host.Name].Result.Running
	deadline := time.NewTimer(wellWithin)
	defer deadline.Stop()
	for gap := firstRetry; ; gap = min(2*gap, lastRetry) {
		health, err := api.Health.Call(ctx, m.Agent, api.HealthParams{Units: units})
		if err != nil {
			return err
		}
		var missing []string
		for _, u := range health.Units {
			if !u.Running() {
				missing = append(missing, u.Name)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		slices.Sort(missing)
		timer := time.NewTimer(gap)
		select {
		case <-timer.C:
		case <-deadline.C:
			return fmt.Errorf("host %s has rebooted, and what ran before does not run again: %s; see: provision doctor %s",
				m.Host.Name, strings.Join(missing, ", "), m.Host.Name)
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
