package provision_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
)

// dyingNode is an API in which a Node never is Ready, and whose host dies while
// it is waited for.
type dyingNode struct {
	*fleettest.API
	die  func()
	mu   sync.Mutex
	asks [][]string
}

func (a *dyingNode) NodesReady(ctx context.Context, names []string, _ func(map[string]string)) error {
	a.mu.Lock()
	a.asks = append(a.asks, names)
	a.mu.Unlock()
	if !slices.Contains(names, "n1") {
		return nil
	}
	a.die()
	<-ctx.Done()
	return ctx.Err()
}

func TestNobodyWaitsForTheNodeOfAHostThatDied(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	api := &dyingNode{API: f.API, die: func() { f.Host("n1").Hangup() }}
	begun := time.Now()
	_, err := apply(t, f, inv, func(o *provision.Options) { o.API = api })
	require.Error(t, err)
	assert.Less(t, time.Since(begun), time.Minute, "the gate's deadline is five minutes")
	require.Len(t, api.asks, 2)
	assert.Contains(t, api.asks[0], "n1")
	assert.NotContains(t, api.asks[1], "n1", "the others are still waited for")
}
