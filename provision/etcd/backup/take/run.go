package take

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/calendar"
)

// adopted is after how long without news another host takes the slot of one that
// won it and did not finish.
const adopted = 20 * time.Minute

// skew is how far clocks may differ.
const skew = time.Minute

// Scheduled does what is due at the slot that the clock is in.
func (t *Taker) Scheduled(ctx context.Context) error {
	schedule, err := calendar.Parse(t.Config.Schedule)
	if err != nil {
		return err
	}
	return t.during(func(s *session) error {
		errEscrow := s.escrow(ctx)
		if t.Config.DataDir == "" {
			return errEscrow
		}
		return errors.Join(errEscrow, s.slot(ctx, schedule.Previous(t.Now())))
	})
}

// ByHand takes a backup now, whatever the slot's is.
func (t *Taker) ByHand(ctx context.Context) error {
	return t.during(func(s *session) error {
		errEscrow := s.escrow(ctx)
		if t.Config.DataDir == "" {
			return fmt.Errorf("host %s runs no etcd; run it on one of %s", t.Config.Host, strings.Join(slices.Sorted(maps.Keys(t.Config.Endpoints)), ", "))
		}
		held, locked, release, err := s.win(ctx)
		if err != nil {
			return fmt.Errorf("%w; without a quorum a backup is taken with --local %s, as it is and unproven", err, t.Config.Host)
		}
		if held != "" {
			return fmt.Errorf("host %s is taking a backup now; wait for it, or run it again", held)
		}
		defer release()
		before, _ := s.result(ctx)
		return errors.Join(errEscrow, s.take(locked, t.Now().UTC().Truncate(time.Second), before, nil))
	})
}

func (t *Taker) during(do func(*session) error) error {
	s, err := t.open()
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.close())
}

func (s *session) result(ctx context.Context) (backup.Result, error) {
	raw, err := s.get(ctx, backup.ResultKey)
	if err != nil {
		return backup.Result{}, err
	}
	r, _ := backup.ParseResult(raw)
	return r, nil
}

// slot sees that a slot has its backup: by this host, or by another.
func (s *session) slot(ctx context.Context, slot time.Time) error {
	r, err := s.result(ctx)
	if err != nil {
		s.metrics(backup.Result{}, err)
		return fmt.Errorf("%w; without a quorum nothing is backed up by itself: run provision etcd backup --local %s", err, s.Config.Host)
	}
	s.metrics(r, nil)
	if r.Slot.After(s.Now().Add(skew)) {
		return fmt.Errorf("the newest backup, of host %s, is of %s, which is in the future here: the clock of this host or of %s is wrong; see timedatectl on both",
			r.Host, r.Slot.Format(time.RFC3339), r.Host)
	}
	if done, err := s.settled(r, slot); done {
		return err
	}
	held, locked, release, err := s.win(ctx)
	if err != nil {
		return err
	}
	if held != "" {
		s.say("host %s is at it", held)
		return nil
	}
	defer release()
	if r, err = s.result(ctx); err != nil { // it may just have been done
		return err
	}
	if done, err := s.settled(r, slot); done {
		return err
	}
	var missing []string
	if !r.Slot.Before(slot) {
		missing = s.missing(r)
		if r.Host == s.Config.Host && s.kept(r.Backup) {
			return s.again(locked, r, missing)
		}
	}
	return s.take(locked, slot, r, missing)
}

// settled reports whether there is nothing to do for a slot, and how it went
// where this host did it.
func (s *session) settled(r backup.Result, slot time.Time) (bool, error) {
	if r.Slot.Before(slot) {
		return false, nil
	}
	if len(s.missing(r)) > 0 || r.Backup == "" {
		return r.Host != s.Config.Host && s.Now().Sub(r.Updated) < adopted, nil
	}
	if r.Host != s.Config.Host {
		return true, nil
	}
	return true, failure(r)
}

// missing are the targets that lack the backup of a result's slot.
func (s *session) missing(r backup.Result) []string {
	var names []string
	for _, spec := range s.Config.Targets {
		if t := r.Targets[spec.Name]; t.Newest.Before(r.Slot) {
			names = append(names, spec.Name)
		}
	}
	return names
}

// failure is what a unit fails with.
func failure(r backup.Result) error {
	var problems []error
	for _, p := range r.Problems {
		problems = append(problems, errors.New(p))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Targets)) {
		if t := r.Targets[name]; t.Error != "" {
			problems = append(problems, fmt.Errorf("target %s: %s", name, t.Error))
		}
	}
	return errors.Join(problems...)
}

// Where a sealed backup waits for targets that were down.
func (s *session) waiting(name string) (sealed, manifest string) {
	base := filepath.Join(s.State, "waiting", name)
	return base + ".age", base + ".json"
}
