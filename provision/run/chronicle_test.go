package run

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/authority"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/history"
	"provision/provision/inventory"
	"provision/provision/lock"
	"provision/provision/survey"
)

func TestARecordOfActsIsNoStateToGoBackTo(t *testing.T) {
	at := func(verb string) *Chronicle {
		f := fleet.New(fleet.Options{Inventory: &inventory.Inventory{Cluster: inventory.Cluster{Name: "dc1"}}, Sink: event.Discard, Now: time.Now})
		keys := &authority.Keys{Fleet: f, Point: func(string) {}}
		rn := New(&survey.Surveyor{Fleet: f, Keys: keys}, &lock.Lock{Fleet: f, Holder: "ann@desk (process 7)"}, Operation{Verb: verb}, 0)
		return rn.RecordActs(context.Background(), 9, "drain", "n1", "n2")
	}
	c := at("node drain")
	c.End(context.Background(), engine.Result{Done: 2}, nil)
	assert.Equal(t, history.Done, c.run.Result)
	assert.Equal(t, "ann@desk", c.run.Who)
	assert.False(t, c.run.Whole())
	assert.ErrorContains(t, c.run.Returnable(), "limited to targets")
}
