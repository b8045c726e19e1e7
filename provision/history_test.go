package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/history"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/plan"
)

func as(verb string) func(*provision.Options) {
	return func(o *provision.Options) {
		o.Operation = provision.Operation{Verb: verb, From: "10.9.8.7", Version: "v1"}
	}
}

// past is what the fleet's keepers tell.
func past(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) *provision.History {
	t.Helper()
	o := f.Operator(inv)
	defer func() { require.NoError(t, o.Close()) }()
	h, err := o.History(t.Context())
	require.NoError(t, err)
	return h
}

// labelled is the inventory of load with a label on its node.
func labelled(t *testing.T, value string) *inventory.Inventory {
	t.Helper()
	inv := load(t, "dc1", 1)
	var name, text string
	for file, content := range inv.Written.Files {
		name, text = file, string(content)
	}
	text = text[:len(text)-2] + "  labels = { disk = \"" + value + "\" }\n}\n"
	inv, problems := inventory.Parse(t.Context(), map[string][]byte{name: []byte(text)}, inventory.Options{Parts: parts.All()})
	require.NoError(t, problems.Err())
	return inv
}

func TestHostsTellWhoChangedWhat(t *testing.T) {
	first, second := load(t, "dc1", 1), labelled(t, "ssd")
	f := boot(t, first, fleettest.Options{})
	assert.Empty(t, past(t, f, first).Runs, "nobody changed anything")
	_, err := look(t, f, first)
	require.NoError(t, err)
	assert.NoDirExists(t, filepath.Join(f.Host("m1").Root, system.HistoryDir), "a plan leaves no record")
	outcome, err := apply(t, f, first, as("apply"))
	require.NoError(t, err)
	_, err = apply(t, f, first, as("apply"))
	require.NoError(t, err, "nothing changes, so nothing is recorded")
	changed, err := apply(t, f, second, as("apply"))
	require.NoError(t, err)

	h := past(t, f, second)
	require.Len(t, h.Runs, 2)
	require.Empty(t, h.Damaged)
	last, birth := h.Runs[0], h.Runs[1]
	assert.Equal(t, outcome.Plan.Hash(), birth.Plan)
	assert.Equal(t, changed.Plan.Hash(), last.Plan)
	assert.Equal(t, history.Done, last.Result)
	assert.Equal(t, "ann@desk", last.Who)
	assert.Equal(t, "10.9.8.7", last.From)
	assert.Equal(t, "apply", last.Verb)
	assert.Equal(t, []string{"m1", "n1"}, birth.Hosts)
	assert.Equal(t, outcome.Result.Done, birth.Counts.Done)
	assert.NotEqual(t, birth.Sources, last.Sources)
	assert.Equal(t, []history.Run{last, birth}, h.Back())
	assert.NoDirExists(t, filepath.Join(f.Host("n1").Root, system.HistoryDir), "workers keep nothing")
	info, err := os.Stat(filepath.Join(f.Host("m1").Root, system.HistoryDir))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	o := f.Operator(second)
	defer o.Close()
	h, err = o.History(t.Context())
	require.NoError(t, err)
	steps, err := o.Steps(t.Context(), h, last)
	require.NoError(t, err)
	require.Len(t, steps, 1)
	assert.Equal(t, history.Step{Address: `cluster/node["n1"]`, Action: "update", Changes: steps[0].Changes}, steps[0])
	sources, err := o.Sources(t.Context(), h, birth)
	require.NoError(t, err)
	back, problems := inventory.Parse(t.Context(), sources.At("/x"), inventory.Options{Parts: parts.All()})
	require.NoError(t, problems.Err())
	_, err = apply(t, f, back, as("rollback"))
	require.NoError(t, err)
	p, err := look(t, f, first)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "the first state again: %+v", p.Steps)
}

func TestARunThatIsKilledIsNotFinished(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	ctx, kill := context.WithCancelCause(t.Context())
	o := f.Operator(inv, as("apply"), func(o *provision.Options) {
		o.Point = func(point string) {
			if point == "recorded apply" { // whoever is killed says nothing any more
				f.Host("m1").Hangup()
				kill(errors.New("killed"))
			}
		}
	})
	_, err := o.Apply(ctx, yes)
	require.Error(t, err)
	require.NoError(t, o.Close())
	f.Quiet()
	h := past(t, f, inv)
	require.Len(t, h.Runs, 1)
	assert.False(t, h.Runs[0].Finished())
	assert.Equal(t, "not finished", h.Runs[0].Outcome())
	_, err = apply(t, f, inv, as("apply"))
	require.NoError(t, err)
	h = past(t, f, inv)
	require.Len(t, h.Runs, 2)
	assert.Equal(t, history.Done, h.Runs[0].Result)
	assert.False(t, h.Runs[1].Finished())
	assert.Greater(t, h.Runs[0].ID, h.Runs[1].ID)
}

func TestHowRunsEndIsTold(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	f.Host("n2").Fail(sshtest.Refuse)
	_, err := apply(t, f, inv, as("apply"))
	require.ErrorContains(t, err, "n2 was skipped")
	f.Host("n2").Fail(sshtest.None)
	require.NoError(t, os.MkdirAll(filepath.Join(f.Host("n2").Root, "/etc/kubernetes/kubelet.yaml"), 0o755))
	_, err = apply(t, f, inv, as("apply"))
	require.Error(t, err)
	o := f.Operator(inv, as("apply"))
	_, err = o.Apply(t.Context(), func(*plan.Plan) (bool, error) { return false, nil })
	require.ErrorIs(t, err, provision.ErrDeclined)
	require.NoError(t, o.Close())

	h := past(t, f, inv)
	require.Len(t, h.Runs, 2, "what was declined did not happen")
	assert.Equal(t, history.Failed, h.Runs[0].Result)
	require.NotEmpty(t, h.Runs[0].Failures)
	assert.Contains(t, h.Runs[0].Failures[0].Address, "n2/")
	assert.Equal(t, history.Incomplete, h.Runs[1].Result)
	assert.Contains(t, h.Runs[1].Error, "n2 was skipped")
	assert.NoError(t, h.Runs[1].Returnable())
	assert.Error(t, h.Runs[0].Returnable())
}

func TestDamagedRecordsArePassedOverAndNamed(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv, as("apply"))
	require.NoError(t, err)
	_, err = apply(t, f, labelled(t, "ssd"), as("apply"))
	require.NoError(t, err)
	oldest := past(t, f, inv).Runs[1]
	path := system.HistoryDir + "/" + history.RunName(oldest.ID)
	require.NoError(t, f.Host("m1").Write(path, "\x1b[31mgarbage"))
	h := past(t, f, inv)
	assert.Len(t, h.Runs, 1)
	require.Len(t, h.Damaged, 1)
	assert.Contains(t, h.Damaged[0], "of m1: damaged")
	assert.NotContains(t, h.Damaged[0], "\x1b")
}

// TestTheHistoryCostsAnExchangeBeforeAndTwoAfter a run, on each keeper.
func TestTheHistoryCostsAnExchangeBeforeAndTwoAfter(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	before, after := 0, 0
	var mu sync.Mutex
	begun := false
	f.Host("m1").Relay(func(_ context.Context, method string, ask func() (json.RawMessage, error)) (any, error) {
		mu.Lock()
		switch {
		case method == api.History.Name && begun:
			after++
		case method == api.History.Name:
			before++
		case method == api.Apply.Name:
			begun = true
		}
		mu.Unlock()
		return ask()
	})
	_, err := apply(t, f, inv, as("apply"))
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, 1, before)
	assert.Equal(t, 2, after)
}

// TestRunsThatWereKilledLeaveRoom: each left its record and did not sweep.
func TestRunsThatWereKilledLeaveRoom(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	for i := range api.MaxHistoryFiles {
		r := history.Run{ID: history.NewID(uint64(i+1), "ab12"), Verb: "apply", Who: "ann@desk", Version: "1", Cluster: "dc1", Started: time.Now()}
		raw, err := r.Encode()
		require.NoError(t, err)
		require.NoError(t, f.Host("m1").Write(system.HistoryDir+"/"+history.RunName(r.ID), string(raw)))
	}
	var warned notes
	_, err := apply(t, f, inv, as("apply"), warned.of(event.Warning))
	require.NoError(t, err)
	assert.NotContains(t, warned.all(), "history")
	assert.Len(t, past(t, f, inv).Runs, history.MaxRuns)
}
