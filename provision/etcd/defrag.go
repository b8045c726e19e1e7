package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Upkeep is what Defragment does to a cluster's members.
type Upkeep interface {
	Status(ctx context.Context) ([]MemberStatus, error)
	MoveLeader(ctx context.Context, name string) error
	// Rewrite makes a member write its database anew, without the free pages. It
	// answers nobody meanwhile.
	Rewrite(ctx context.Context, endpoint string) error
	// Compact drops all former revisions.
	Compact(ctx context.Context) error
	// Disarm ends the alarms NOSPACE.
	Disarm(ctx context.Context) error
}

// AlarmNoSpace is the alarm of a database that has reached its quota: etcd takes
// no writes until it is disarmed.
const AlarmNoSpace = "NOSPACE"

const (
	// worthBytes are free in a database that is worth writing anew, and a third of
	// it at least.
	worthBytes = 64 << 20
	// recovery bounds the wait for a member that was away.
	recovery = time.Minute
	// rewriting bounds the rewriting of a database; 8 GB take a minute or two.
	rewriting = 10 * time.Minute
)

// Worth reports whether much of a member's database is free.
func (s MemberStatus) Worth() bool {
	free := s.DBSize - s.DBInUse
	return free >= worthBytes && free*3 >= s.DBSize
}

// serves reports whether a member takes part, though it may take no writes.
func (s MemberStatus) serves() bool {
	return s.Healthy || slices.Equal(s.Alarms, []string{AlarmNoSpace})
}

// Defragmentation says what is done with a member.
type Defragmentation struct {
	Name   string `json:"name"`
	Before int64  `json:"before"`          // bytes on disk
	InUse  int64  `json:"in_use"`          // of them in use
	After  int64  `json:"after,omitempty"` // 0: not done
	// Leads: leadership moves away first.
	Leads bool `json:"leads,omitempty"`
	Worth bool `json:"worth"`
}

// Defragment is how a cluster's databases are written anew.
type Defragment struct {
	// All takes every member, worth it or not.
	All    bool
	DryRun bool
	// Told is called before and after each member. May be nil.
	Told func(text string)
}

// Defragmented is what became of it.
type Defragmented struct {
	Members []Defragmentation `json:"members"`
	// Disarmed: the alarm NOSPACE was raised and is no more.
	Disarmed bool `json:"disarmed,omitempty"`
}

// Run writes databases anew, one after the other, leader last and with
// leadership moved away first. While NOSPACE is raised every database is, after
// former revisions were dropped; then the alarm is disarmed. Members that are
// not healthy end it: while one is away for the rewriting, all others are needed.
func (d Defragment) Run(ctx context.Context, keep Upkeep) (Defragmented, error) {
	var out Defragmented
	members, full, err := d.look(ctx, keep)
	if err != nil {
		return out, err
	}
	if full && !d.DryRun {
		d.tell("The alarm NOSPACE is raised: former revisions are dropped first")
		if err := keep.Compact(ctx); err != nil {
			return out, fmt.Errorf("compacting etcd: %w", err)
		}
	}
	for _, m := range members {
		one := Defragmentation{Name: m.Name, Before: m.DBSize, InUse: m.DBInUse, Leads: m.Leader, Worth: full || d.All || m.Worth()}
		if one.Worth && !d.DryRun {
			err = d.rewrite(ctx, keep, m, len(members) > 1, &one)
		}
		out.Members = append(out.Members, one)
		if err != nil {
			return out, err
		}
	}
	if full && !d.DryRun {
		if err := keep.Disarm(ctx); err != nil {
			return out, fmt.Errorf("disarming etcd's alarm NOSPACE: %w", err)
		}
		out.Disarmed = true
		d.tell("The alarm NOSPACE is disarmed")
	}
	return out, nil
}

// look returns the members, leader last, and whether NOSPACE is raised. It
// refuses while a member is away, or damaged.
func (d Defragment) look(ctx context.Context, keep Upkeep) (members []MemberStatus, full bool, err error) {
	members, err = keep.Status(ctx)
	if err != nil {
		return nil, false, err
	}
	var bad []string
	for _, m := range members {
		full = full || slices.Contains(m.Alarms, AlarmNoSpace)
		others := slices.DeleteFunc(slices.Clone(m.Alarms), func(alarm string) bool { return alarm == AlarmNoSpace })
		switch {
		case len(others) > 0:
			bad = append(bad, fmt.Sprintf("%s raises the alarm %s", m.Name, strings.Join(others, ", ")))
		case !m.Healthy && len(m.Alarms) == 0:
			bad = append(bad, fmt.Sprintf("%s is not healthy: %s", m.Name, m.Reason))
		}
	}
	if len(bad) > 0 {
		return nil, full, fmt.Errorf("cannot defragment etcd: %s; while a member writes its database anew all others are needed. Nothing was changed. See: provision doctor", strings.Join(bad, "; "))
	}
	slices.SortStableFunc(members, func(a, b MemberStatus) int {
		switch {
		case a.Leader == b.Leader:
			return strings.Compare(a.Name, b.Name)
		case a.Leader:
			return 1
		}
		return -1
	})
	return members, full, nil
}

func (d Defragment) rewrite(ctx context.Context, keep Upkeep, m MemberStatus, others bool, one *Defragmentation) error {
	if others {
		if err := keep.MoveLeader(ctx, m.Name); err != nil {
			return err
		}
	}
	d.tell(fmt.Sprintf("Member %s: %.1f MiB on disk, %.1f MiB in use", m.Name, mebi(m.DBSize), mebi(m.DBInUse)))
	bounded, cancel := context.WithTimeout(ctx, rewriting)
	defer cancel()
	if err := keep.Rewrite(bounded, m.Endpoint); err != nil {
		return fmt.Errorf("defragmenting etcd member %s: %w", m.Name, err)
	}
	now, err := recovered(ctx, keep, m.Name)
	if err != nil {
		return err
	}
	one.After = now.DBSize
	d.tell(fmt.Sprintf("Member %s: %.1f MiB on disk now", m.Name, mebi(now.DBSize)))
	return nil
}

// recovered waits until a member that was away has caught up.
func recovered(ctx context.Context, keep Upkeep, name string) (MemberStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	reason := error(nil)
	for {
		members, err := keep.Status(ctx)
		for _, m := range members {
			if m.Name == name && m.serves() && m.Lag < 1000 {
				return m, nil
			} else if m.Name == name {
				err = errors.New(m.Reason)
			}
		}
		if ctx.Err() == nil {
			reason = err
		}
		timer := time.NewTimer(500 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return MemberStatus{}, fmt.Errorf("waiting for etcd member %s after its database was written anew: %w; see provision doctor, then go on with the same command", name, errors.Join(ctx.Err(), reason))
		}
	}
}

func (d Defragment) tell(text string) {
	if d.Told != nil {
		d.Told(text)
	}
}

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// Rewrite implements Upkeep.
func (c *Client) Rewrite(ctx context.Context, endpoint string) error {
	_, err := c.client.Defragment(ctx, endpoint)
	return err
}

// Compact implements Upkeep. Revisions that somebody else dropped are fine.
func (c *Client) Compact(ctx context.Context) error {
	at, err := c.client.Get(ctx, "compact_rev_key") // any key: the header counts
	if err != nil {
		return err
	}
	_, err = c.client.Compact(ctx, at.Header.Revision, clientv3.WithCompactPhysical())
	return compacted(err)
}

// Disarm implements Upkeep.
func (c *Client) Disarm(ctx context.Context) error {
	raised, err := c.client.AlarmList(ctx)
	if err != nil {
		return err
	}
	for _, alarm := range raised.Alarms {
		if alarm.Alarm.String() != AlarmNoSpace {
			continue
		}
		if _, err := c.client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(alarm)); err != nil {
			return err
		}
	}
	return nil
}
