package examine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/preflight"
)

// agent tells its clock, each time after another trip.
type agent struct {
	fleet.Agent
	now   *time.Time
	trips []time.Duration
	done  chan struct{}
}

func (a *agent) Done() <-chan struct{} { return a.done }

func (a *agent) Call(_ context.Context, _ string, _, result any) error {
	if len(a.trips) == 0 {
		return errors.New("no answer")
	}
	trip := a.trips[0]
	a.trips = a.trips[1:]
	read := a.now.Add(trip / 2)
	*a.now = a.now.Add(trip)
	result.(*api.ClockResult).Now = read.Add(time.Hour)
	return nil
}

func TestTheQuickestAnswerTellsTheClock(t *testing.T) {
	for name, test := range map[string]struct {
		trips []time.Duration
		doubt time.Duration
		notes int
	}{
		"three":     {[]time.Duration{300 * time.Millisecond, 20 * time.Millisecond, time.Second}, 10 * time.Millisecond, 0},
		"then gone": {[]time.Duration{300 * time.Millisecond}, 150 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			a := &agent{now: &now, trips: test.trips, done: make(chan struct{})}
			defer close(a.done)
			f := fleet.New(fleet.Options{})
			f.Members["m1"] = fleet.Join(inventory.Host{Name: "m1"}, a, facts.Host{})
			e := &examination{Input: Input{Fleet: f, Now: func() time.Time { return now }}}
			offset := e.clock(t.Context(), "m1")
			require.NotNil(t, offset)
			assert.Equal(t, preflight.Offset{By: time.Hour, Err: test.doubt}, *offset)
			assert.Len(t, e.findings, test.notes)
		})
	}
}
