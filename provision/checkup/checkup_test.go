package checkup

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/etcd"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// agent answers what it was told to.
type agent struct {
	fleet.Agent
	health  func(api.HealthParams) (api.HealthResult, error)
	items   []api.PlanItem
	lost    []int // targets that nothing takes connections at
	refused error // of probes
	done    chan struct{}
}

func (a *agent) Done() <-chan struct{} { return a.done }

func (a *agent) Call(_ context.Context, method string, params, result any) (err error) {
	switch r := result.(type) {
	case *api.HealthResult:
		*r, err = a.health(params.(api.HealthParams))
	case *api.PlanResult:
		r.Items = a.items
	case *api.ProbeResult:
		err = a.refused
	case *api.ReachResult:
		for _, target := range a.lost {
			r.Failed = append(r.Failed, api.ReachFailure{Target: target})
		}
	default:
		err = errors.New("unexpected: " + method)
	}
	return err
}

// expected is what the single host of a cluster must have of etcd.
func expected(t *testing.T, c *component.Cluster) *Expectation {
	t.Helper()
	hosts := c.Inventory.Hosts[:1]
	e := Expect(*c, []component.Component{etcd.New()}, hosts)[hosts[0].Name]
	require.NotNil(t, e)
	return e
}

func TestWhatAHostMustHaveIsKnownWithoutTheStore(t *testing.T) {
	c := componenttest.Single()
	full := expected(t, c)
	c.Artifacts = nothing{}
	bare := expected(t, c)
	assert.Equal(t, full.Units, bare.Units)
	assert.NotEmpty(t, full.Units)
	assert.NotEmpty(t, full.Certs)
	assert.Less(t, len(bare.Resources), len(full.Resources), "what the store lacks is not compared")
	assert.Contains(t, bare.disks, "/var/lib")
	for _, r := range bare.Resources {
		assert.NotContains(t, r.Blobs, missingDigest, r.Address)
	}
	_, err := lenient{nothing{}}.Resolve(bundle.Ref{Name: "deb-nfs"})
	require.Error(t, err, "packages have another source")
}

func TestALookTellsClockDriftAndWhatDoesNotAnswer(t *testing.T) {
	c := componenttest.Single()
	e := expected(t, c)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var asked api.HealthParams
	a := &agent{done: make(chan struct{}), refused: &api.Error{Detail: "503"}, lost: []int{0},
		health: func(params api.HealthParams) (api.HealthResult, error) {
			asked = params
			return api.HealthResult{Clock: now.Add(time.Minute)}, nil
		}}
	file := e.Resources[0]
	for _, r := range e.Resources {
		if r.Address.Kind == "file" {
			file = r
		}
	}
	a.items = []api.PlanItem{{ID: file.Address.ID(), Changes: []resource.Change{{Field: "mode", Old: "0000", New: "0600"}}}, {ID: "file[\"/elsewhere\"]"}}
	host := c.Inventory.Hosts[0]
	f := fleet.New(fleet.Options{})
	f.Members[host.Name] = fleet.Join(host, a, facts.Host{})
	look := Look{Inventory: c.Inventory, Now: func() time.Time { return now }, Deep: true}
	got := look.All(t.Context(), f, map[string]*Expectation{host.Name: e})[host.Name]
	close(a.done)

	require.NoError(t, got.Err)
	assert.Equal(t, time.Minute, got.Skew)
	assert.Equal(t, healthLines, asked.Lines)
	assert.Len(t, asked.Certs, len(e.Certs))
	require.Len(t, got.Drift, 1, "only what is wanted")
	assert.Equal(t, "mode is 0000 instead of 0600", got.Drift[0].Text)
	assert.True(t, got.Drift[0].Unreadable)
	assert.Equal(t, reached{cut: true}, got.reached, "the only API server takes none")
	require.NotEmpty(t, got.Probes)
	assert.Equal(t, "503", got.Probes[0].Error)

	seen := Doctor(c.Inventory, f, host, e, got)
	assert.True(t, seen.New)
	assert.True(t, seen.Cut)
	assert.NotEmpty(t, seen.Unmade, "its ledger has nothing")
	assert.Equal(t, "it was not asked", Doctor(c.Inventory, f, host, e, nil).Error)
	f.Absent["n9"] = fleet.Absent{Why: errors.New("no route")}
	assert.Equal(t, "no route", Doctor(c.Inventory, f, inventory.Host{Name: "n9"}, nil, nil).Error)
}
