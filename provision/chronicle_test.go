package provision

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/history"
	"provision/provision/inventory"
)

func TestARecordOfActsIsNoStateToGoBackTo(t *testing.T) {
	at := func(verb string) *chronicle {
		o := New(Options{Inventory: &inventory.Inventory{Cluster: inventory.Cluster{Name: "dc1"}}, Holder: "ann@desk (process 7)", Sink: func(event.Event) {},
			Now: time.Now, Operation: Operation{Verb: verb}})
		return o.recordActs(context.Background(), 9, "drain", "n1", "n2")
	}
	c := at("node drain")
	c.end(context.Background(), engine.Result{Done: 2}, nil)
	assert.Equal(t, history.Done, c.run.Result)
	assert.Equal(t, "ann@desk", c.run.Who)
	assert.False(t, c.run.Whole())
	assert.ErrorContains(t, c.run.Returnable(), "limited to targets")
}
