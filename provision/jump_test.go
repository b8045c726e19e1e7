package provision_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleet"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/plan"
)

// bastions let a host be reached over its own bastion only.
type bastions struct {
	fleet.Connector
	ssh  inventory.SSH
	only map[string]string // by host

	mu    sync.Mutex
	tried map[string][]string // by host
}

func (b *bastions) Connect(ctx context.Context, h inventory.Host, sign fleet.SignFunc) (fleet.Agent, error) {
	way := h.Jump
	if way == "" {
		way = b.ssh.Jump()
	}
	b.mu.Lock()
	b.tried[h.Name] = append(b.tried[h.Name], way)
	b.mu.Unlock()
	if b.only[h.Name] != way {
		return nil, errors.New("no route to host")
	}
	return b.Connector.Connect(ctx, h, sign)
}

func behind(inv *inventory.Inventory, address string) *inventory.Inventory {
	return edit(inv, func(i *inventory.Inventory) {
		i.SSH.Bastions = []inventory.Bastion{{Address: address, Port: 22, User: "ops"}}
	})
}

func TestAHostThatLeavesIsReachedOverTheBastionThatItHad(t *testing.T) {
	const before, now = "ops@192.0.2.1:22", "ops@192.0.2.2:22"
	for name, tc := range map[string]struct {
		n2    string // the bastion over which it is reached in the end
		tried []string
	}{
		"that is still there":            {before, []string{before}},
		"that another one stands in for": {now, []string{before, now}},
	} {
		t.Run(name, func(t *testing.T) {
			inv := load(t, "dc1", 2)
			f := boot(t, inv, fleettest.Options{})
			_, err := apply(t, f, behind(inv, "192.0.2.1"))
			require.NoError(t, err)

			moved := behind(without(inv, "n2"), "192.0.2.2")
			b := &bastions{ssh: moved.SSH, tried: map[string][]string{}, only: map[string]string{"m1": now, "n1": now, "n2": tc.n2}}
			outcome, err := apply(t, f, moved, func(o *provision.Options) { b.Connector, o.Connector = o.Connector, b })
			require.NoError(t, err)
			assert.Equal(t, tc.tried, b.tried["n2"])
			assert.NotNil(t, at(outcome.Plan, plan.ForgetAddress("n2")))
		})
	}
}
