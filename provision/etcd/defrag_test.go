package etcd

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
)

// databases is an etcd as far as Defragment knows it; it notes what is done.
type databases struct {
	members []MemberStatus
	did     []string
	fails   string // the member that cannot be written anew
}

func (d *databases) Status(context.Context) ([]MemberStatus, error) {
	return slices.Clone(d.members), nil
}

func (d *databases) MoveLeader(_ context.Context, name string) error {
	for i, m := range d.members {
		if m.Name == name && m.Leader {
			d.members[i].Leader = false
			d.members[(i+1)%len(d.members)].Leader = true
			d.did = append(d.did, "move from "+name)
		}
	}
	return nil
}

func (d *databases) Rewrite(_ context.Context, endpoint string) error {
	for i, m := range d.members {
		if m.Endpoint == endpoint {
			if m.Leader && len(d.members) > 1 {
				return fmt.Errorf("%s leads, and answers nobody now", m.Name)
			}
			if m.Name == d.fails {
				return fmt.Errorf("no space left on device")
			}
			d.members[i].DBSize = m.DBInUse
			d.did = append(d.did, "rewrite "+m.Name)
		}
	}
	return nil
}

func (d *databases) Compact(context.Context) error { d.did = append(d.did, "compact"); return nil }

func (d *databases) Disarm(context.Context) error {
	d.did = append(d.did, "disarm")
	for i := range d.members {
		d.members[i].Alarms = nil
	}
	return nil
}

const mb = 1 << 20

// three are members with so much free; the first leads.
func three(free int64) *databases {
	d := &databases{}
	for i, name := range []string{"m1", "m2", "m3"} {
		d.members = append(d.members, MemberStatus{Member: cluster.Member{ID: uint64(i + 1), Name: name}, Endpoint: "https://" + name, Healthy: true,
			Leader: i == 0, DBSize: 200*mb + free, DBInUse: 200 * mb})
	}
	return d
}

func TestDefragmentLeavesLeaderForLast(t *testing.T) {
	d := three(150 * mb)
	out, err := Defragment{}.Run(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, []string{"rewrite m2", "rewrite m3", "move from m1", "rewrite m1"}, d.did)
	for _, m := range out.Members {
		assert.Equal(t, int64(200*mb), m.After, m.Name)
	}
	assert.False(t, out.Disarmed)
}

func TestDefragmentOnlyWhenWorthIt(t *testing.T) {
	for name, c := range map[string]struct {
		free  int64
		how   Defragment
		worth bool
		does  int
	}{
		"much is free":           {150 * mb, Defragment{DryRun: true}, true, 0},
		"less than a third":      {90 * mb, Defragment{}, false, 0},
		"less, and all are to":   {mb, Defragment{All: true}, true, 4},
		"little of a small file": {0, Defragment{}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := three(c.free)
			out, err := c.how.Run(t.Context(), d)
			require.NoError(t, err)
			assert.Len(t, d.did, c.does)
			for _, m := range out.Members {
				assert.Equal(t, c.worth, m.Worth)
			}
		})
	}
	small := MemberStatus{DBSize: 60 * mb, DBInUse: mb}
	assert.False(t, small.Worth(), "60 MiB are not worth a member's silence")
}

// A member's own alarm makes it unhealthy: that must not keep the way out shut.
func TestDefragmentEndsTheAlarm(t *testing.T) {
	d := three(0)
	for i := range d.members {
		d.members[i].Healthy, d.members[i].Alarms, d.members[i].Reason = false, []string{AlarmNoSpace}, "alarm"
	}
	out, err := Defragment{}.Run(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, []string{"compact", "rewrite m2", "rewrite m3", "move from m1", "rewrite m1", "disarm"}, d.did)
	assert.True(t, out.Disarmed)
}

func TestDefragmentRefusesWhileAMemberIsAway(t *testing.T) {
	d := three(150 * mb)
	d.members[2].Healthy, d.members[2].Reason = false, "connection refused"
	_, err := Defragment{}.Run(t.Context(), d)
	require.ErrorContains(t, err, "m3 is not healthy: connection refused")
	assert.Empty(t, d.did)

	d = three(150 * mb)
	d.members[1].Healthy, d.members[1].Alarms = false, []string{"CORRUPT"}
	_, err = Defragment{}.Run(t.Context(), d)
	require.ErrorContains(t, err, "m2 raises the alarm CORRUPT")
	assert.Empty(t, d.did)
}

// The first that fails ends it: the next one's silence could cost the quorum.
func TestDefragmentStopsAtAFailure(t *testing.T) {
	d := three(150 * mb)
	d.fails = "m2"
	out, err := Defragment{}.Run(t.Context(), d)
	require.ErrorContains(t, err, "m2: no space left on device")
	assert.Empty(t, d.did)
	assert.Len(t, out.Members, 1)
}
