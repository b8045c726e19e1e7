package provision

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
func (s *steps) reboot(ctx context.Context, host string) error {
	o, m := s.o, s.o.fleet.members[host]
	if m == nil {
		return fmt.Errorf("host %s takes no part", host)
	}
	if err := o.spared(ctx, host); err != nil {
		return err
	}
	if err := o.held.leave(host); err != nil {
		return err
	}
	m.agent.leave()
	epoch, err := s.restarted(ctx, m)
	if err != nil {
		m.agent.stay()
		o.held.give(ctx, host, err)
		return err
	}
	o.held.back(host)
	return s.wellAgain(ctx, m, epoch)
}

// restarted returns when the host runs another boot and is locked by this run,
// with the epoch of that lock.
func (s *steps) restarted(ctx context.Context, m *member) (uint64, error) {
	o, host, was := s.o, m.host.Name, m.facts.BootID
	old := m.agent.session()
	_, err := old.Reboot(ctx, api.RebootParams{Epoch: s.epoch, BootID: was})
	var refused *api.Error
	if errors.As(err, &refused) {
		return 0, err
	}
	// An answer that did not come says nothing: the boot id will. The host goes
	// down when the session has ended.
	_ = old.Close()
	o.Point("rebooting " + host)
	gone, cancel := context.WithTimeout(ctx, goneWithin)
	o.Connector.Gone(gone, m.host)
	cancel()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	fresh, known, err := o.redial(ctx, m, was)
	if err != nil {
		return 0, err
	}
	m.agent.replace(fresh)
	o.Point("rebooted " + host)
	return s.relock(ctx, m, known)
}

// redial connects to a host until it runs another boot.
func (o *Operator) redial(ctx context.Context, m *member, was string) (Agent, facts.Host, error) {
	host, within := m.host.Name, cmp.Or(o.Reboot.Within, rebootWithin)
	ctx, cancel := context.WithTimeoutCause(ctx, within, errTooLong)
	defer cancel()
	waiting := o.wait("rebooting", []string{host})
	defer waiting.stop()
	var last error
	for gap := firstRetry; ; gap = min(2*gap, lastRetry) {
		o.Connector.Forget(m.host)
		agent, known, err := o.reconnect(ctx, m)
		switch {
		case err == nil && known.BootID != was:
			return agent, known, nil
		case err == nil:
			_ = agent.Close()
			last = errors.New("it answers, and still runs the boot that was to end")
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
		return nil, facts.Host{}, fmt.Errorf("host %s did not come back within %s after its reboot; look at its console: it is off, waits for someone, or boots without its network. Once it is up, run the same command again: %w",
			host, within, last)
	}
}

var errTooLong = errors.New("it took too long")

// reconnect makes a session with a host that was known before.
func (o *Operator) reconnect(ctx context.Context, m *member) (Agent, facts.Host, error) {
	agent, err := o.Connector.Connect(ctx, m.host, o.signFor(m.host))
	if err != nil {
		return nil, facts.Host{}, err
	}
	known, err := agent.Facts(ctx)
	if err == nil {
		err = o.rightTarget(m.host, known)
	}
	if err == nil && known.MachineID != m.facts.MachineID {
		err = fmt.Errorf("another machine answers in the place of host %s", m.host.Name)
	}
	if err != nil {
		_ = agent.Close()
		return nil, facts.Host{}, err
	}
	return agent, known, nil
}

// relock takes the lock of a host that has lost it with its boot. Its renewal
// timer may have had it meanwhile. Another run cannot, unless the host alone keeps
// the cluster's lock: then it has written its roster.
func (s *steps) relock(ctx context.Context, m *member, known facts.Host) (uint64, error) {
	o, host := s.o, m.host.Name
	ctx, cancel := context.WithTimeout(ctx, relockWithin)
	defer cancel()
	for {
		if m.host.Keeper() && !s.sameRoster(known.Owned.Roster) {
			return 0, fmt.Errorf("another run changed the cluster while host %s rebooted; run the same command again", host)
		}
		params := api.LockParams{Holder: o.Holder, Doing: "after the reboot of " + host, Epoch: known.Owned.Epoch + 1, Seen: &known.Owned.Epoch}
		if o.decision.Identity != nil {
			params.UUID = o.decision.Identity.UUID
		}
		result, err := m.agent.Lock(ctx, params)
		switch {
		case err != nil:
			return 0, lockFailed(host, err)
		case result.Granted:
			return params.Epoch, nil
		case result.Brief || result.Silent > api.Quiet:
			err = m.agent.Await(ctx, api.AwaitParams{Brief: result.Brief, Within: relockWithin})
		case result.Holder != "":
			return 0, &LockedError{Host: host, Holder: result.Holder, Doing: result.Doing, Since: result.Since, Silent: result.Silent}
		}
		if err == nil {
			known, err = m.agent.Facts(ctx)
		}
		if err != nil {
			return 0, err
		}
	}
}

// sameRoster reports whether the roster is the one that this run has written.
func (s *steps) sameRoster(found *facts.Roster) bool {
	s.roster.Lock()
	defer s.roster.Unlock()
	return found != nil && found.Written.Equal(s.o.rosterWritten)
}

// wellAgain waits until a host that has rebooted is as it was before: its boot is
// over, what its components ask for is answered, its units run, and its Node is
// Ready.
func (s *steps) wellAgain(ctx context.Context, m *member, epoch uint64) error {
	o, host := s.o, m.host.Name
	boot, err := m.agent.Reboot(ctx, api.RebootParams{Epoch: epoch, BootID: m.facts.BootID})
	if err != nil {
		return err
	}
	if boot.State != "running" {
		o.emit(event.Event{Type: event.Warning, Host: host, Text: "systemd calls the boot of host " + host + " " + boot.State + ": see systemctl --failed there"})
	}
	for _, c := range o.Components {
		gate := c.Gate()
		if gate.URL == "" || !c.Runs(s.survey.cluster, m.host) {
			continue
		}
		if _, err := m.agent.Probe(ctx, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: wellWithin}); err != nil {
			return fmt.Errorf("host %s has rebooted, and %s is not healthy there: %w", host, c.Name(), err)
		}
	}
	if err := s.unitsBack(ctx, m); err != nil {
		return err
	}
	if !m.host.Joins() || o.isolated()[host] {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wellWithin)
	defer cancel()
	since, err := s.kubeletSince(ctx, m)
	if err == nil {
		err = o.api.NodeReports(ctx, host, since, func(string) {})
	}
	if err != nil {
		return fmt.Errorf("host %s has rebooted, and its Node is not well: %w%s", host, err, s.kubeletLog(m))
	}
	return nil
}

// unitsBack waits until the units that ran before the reboot do so again. Some
// start more than once, until what they talk to is there.
func (s *steps) unitsBack(ctx context.Context, m *member) error {
	units := s.survey.hosts[m.host.Name].Result.Running
	deadline := time.NewTimer(wellWithin)
	defer deadline.Stop()
	for gap := firstRetry; ; gap = min(2*gap, lastRetry) {
		health, err := m.agent.Health(ctx, api.HealthParams{Units: units})
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
				m.host.Name, strings.Join(missing, ", "), m.host.Name)
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
