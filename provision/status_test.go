package provision_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/support"
)

func TestAccessTellsWhenTheMastersAreLost(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	o := f.Operator(inv)
	defer o.Close()
	access, err := o.Access(t.Context())
	require.NoError(t, err)

	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, access.Lost(short), "the session lives")

	f.Host("n1").Hangup() // a worker does not matter
	f.Host("m1").Hangup()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.ErrorContains(t, access.Lost(ctx), `the sessions with all masters of cluster "dc1" have ended`)
	_, err = access.Dial(ctx)
	require.Error(t, err)
}

// hesitant is an API whose Nodes take their time.
type hesitant struct{ *fleettest.API }

func (h hesitant) NodesReady(ctx context.Context, names []string, progress func(map[string]string)) error {
	for _, waiting := range []map[string]string{
		{"m1": "has not joined", "n1": "has not joined"},
		{"m1": "no network", "n1": "has not joined"},
		{"n1": "no network"},
		{"n1": "no disk"},
		{},
	} {
		progress(waiting)
	}
	return h.API.NodesReady(ctx, names, progress)
}

func TestWaitingForNodesIsSaidWhenItChanges(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	var said []string
	_, err := apply(t, f, inv, func(o *provision.Options) {
		o.API = hesitant{f.API}
		o.Sink = collect(&said, event.Note, "Waiting for Nodes")
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"Waiting for Nodes: m1, n1", "Waiting for Nodes: n1"}, said)
}

// collect keeps the texts of a type of event that start with a prefix.
func collect(into *[]string, kind event.Type, prefix string) event.Sink {
	return func(e event.Event) {
		if e.Type == kind && strings.HasPrefix(e.Text, prefix) {
			*into = append(*into, e.Text)
		}
	}
}

func TestStatusAndSupportAskTheClustersAPIs(t *testing.T) {
	f, inv := formed(t, 1)
	f.API.Sicken("n1", assert.AnError)
	o := f.Operator(inv)
	defer o.Close()
	s, err := o.Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, s.APIError)
	require.Empty(t, s.EtcdError)
	nodes := map[string]bool{}
	for _, h := range s.Hosts {
		require.NotNil(t, h.Node, h.Name)
		nodes[h.Name] = h.Node.Ready
	}
	assert.Equal(t, map[string]bool{"m1": true, "n1": false}, nodes)
	assert.False(t, s.Healthy())

	var out bytes.Buffer
	a := support.New(&out, "dc1", time.Now(), support.NewMask())
	_, err = o.Support(t.Context(), a, 1)
	require.NoError(t, err)
	names, err := a.Close()
	require.NoError(t, err)
	assert.Contains(t, names, "cluster/nodes.json")

	f.API.Break(assert.AnError)
	s, err = o.Status(t.Context())
	require.NoError(t, err)
	assert.Equal(t, assert.AnError.Error(), s.APIError)
	assert.Equal(t, assert.AnError.Error(), s.EtcdError)
}
