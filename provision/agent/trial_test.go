package agent_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/internal/system"
	"provision/provision/resource/file"
)

// tuned runs a service with a setting, in a file that only root reads.
func tuned(t *testing.T) *host {
	t.Helper()
	h := newHost(t)
	h.write(t, "/etc/a", "works")
	require.NoError(t, h.units.Start(t.Context(), service))
	return h
}

// try writes a setting, as a run does, and restarts the unit that reads it.
func try(ctx context.Context, h *host, s *client.Session, content string) error {
	params := api.ApplyParams{Epoch: h.epoch, Resource: text("/etc/a", content).Restarting(service), Keep: []string{service}}
	if err := api.Apply.Do(ctx, s, params); err != nil {
		return err
	}
	_, err := h.apply(ctx, s, unit(service), true)
	return err
}

func judge(ctx context.Context, h *host, s *client.Session, act string) (api.TrialResult, error) {
	return api.Trial.Call(ctx, s, api.TrialParams{Act: act, Epoch: h.epoch, Units: []string{service}, Within: time.Second})
}

func TestWhatAUnitWorkedWithIsKeptUntilItIsSeenToWork(t *testing.T) {
	h := tuned(t)
	s := h.locked(t)
	require.NoError(t, try(t.Context(), h, s, "new"))
	info, err := os.Stat(h.root + system.SparesFile)
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm(), "settings may hold secrets")
	cause := `m1/text["/etc/a"]`
	assert.Equal(t, map[string]string{service: cause}, plan(t, s, unit(service)).Unproven)

	_, err = judge(t.Context(), h, s, api.TrialWatch)
	require.NoError(t, err)
	_, err = judge(t.Context(), h, s, api.TrialPass)
	require.NoError(t, err)
	assert.Empty(t, plan(t, s, unit(service)).Unproven)
	assert.NoFileExists(t, h.root+system.SparesFile)
	result, err := judge(t.Context(), h, s, api.TrialRevert)
	require.NoError(t, err)
	assert.Empty(t, result.Reverted, "there is no way back any more")
	assert.Equal(t, "new", h.read("/etc/a"))
}

func TestTheLastSettingThatWorkedIsPutBack(t *testing.T) {
	h := tuned(t)
	s := h.locked(t)
	require.NoError(t, try(t.Context(), h, s, "bad"))
	require.NoError(t, try(t.Context(), h, s, "worse")) // by another run: neither was seen to work
	result, err := judge(t.Context(), h, s, api.TrialRevert)
	require.NoError(t, err)
	assert.Equal(t, []string{`text["/etc/a"]`}, result.Reverted)
	assert.Empty(t, result.Still)
	assert.Equal(t, "works", h.read("/etc/a"))
	assert.Equal(t, 3, len(h.units.log()), "restarted with it")
	after := plan(t, s, text("/etc/a", "worse"), unit(service))
	assert.Empty(t, after.Restarts)
	assert.Empty(t, after.Unproven)
	assert.Equal(t, []string{`text["/etc/a"]`}, ids(after.Items), "it is still wanted")
	owned, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	assert.Len(t, owned.Owned.Resources, 1, "what is put back is ours all the same")
}

// What did not work before is no way back, and is no reason to wait.
func TestABrokenUnitHasNothingToGoBackTo(t *testing.T) {
	h := tuned(t)
	h.units.starting = map[string]bool{service: true}
	s := h.locked(t)
	result := plan(t, s, unit(service))
	assert.Equal(t, []string{service}, result.Running)
	assert.Equal(t, []string{service}, result.Ill)
	require.NoError(t, try(t.Context(), h, s, "right"))
	assert.NoFileExists(t, h.root+system.SparesFile)
	assert.Empty(t, plan(t, s, unit(service)).Ill)
}

func TestAUnitThatEndsAgainAndAgainDoesNotWork(t *testing.T) {
	h := tuned(t)
	s := h.locked(t)
	h.units.since = time.Now
	time.AfterFunc(300*time.Millisecond, func() { _ = h.units.Start(context.Background(), service) })
	err := api.Trial.Do(t.Context(), s, api.TrialParams{Act: api.TrialWatch, Units: []string{service}, Steady: time.Minute, Within: 10 * time.Second})
	require.ErrorContains(t, err, "ended after it was started")
	err = api.Trial.Do(t.Context(), s, api.TrialParams{Act: api.TrialWatch, Units: []string{service}, Steady: time.Minute, Within: 300 * time.Millisecond})
	require.ErrorContains(t, err, "it started a moment ago")
}

// Killed anywhere between the change and its end, the setting is tried again, and
// what worked is still there to go back to.
func TestAKilledTrialConverges(t *testing.T) {
	for _, good := range []bool{true, false} {
		run := func(h *host, s *client.Session) error {
			if err := try(t.Context(), h, s, "new"); err != nil {
				return err
			}
			act := api.TrialRevert
			if good {
				act = api.TrialPass
			}
			_, err := judge(t.Context(), h, s, act)
			return err
		}
		everyPoint(t, func(h *host) {
			h.write(t, "/etc/a", "works")
			require.NoError(t, h.units.Start(t.Context(), service))
		}, func(h *host, s *client.Session) { _ = run(h, s) }, func(h *host, s *client.Session) {
			require.NoError(t, run(h, s))
			want := map[bool]string{true: "new", false: "works"}[good]
			assert.Equal(t, want, h.read("/etc/a"))
			after := plan(t, s, unit(service))
			assert.Empty(t, after.Restarts)
			assert.Empty(t, after.Unproven)
		})
	}
}

// What a change replaced is kept while there is a way back to it: for good what stood
// there first, and what a unit worked with until its trial ends.
func TestCommitSweepsWhatIsNoLongerPutBack(t *testing.T) {
	h := tuned(t)
	h.write(t, "/etc/a", "somebody's")
	s := h.locked(t)
	set := func(content string) {
		params := api.ApplyParams{Epoch: h.epoch, Resource: file.New("m1", "/etc/a", content, 0o644).Restarting(service), Keep: []string{service}}
		require.NoError(t, api.Apply.Do(t.Context(), s, params))
		_, err := h.apply(t.Context(), s, unit(service), true)
		require.NoError(t, err)
	}
	saved := func() (contents []string) {
		require.NoError(t, api.Commit.Do(t.Context(), s, api.Empty{}))
		entries, err := os.ReadDir(h.root + system.SavedDir)
		require.NoError(t, err)
		for _, e := range entries {
			contents = append(contents, h.read(system.SavedDir+"/"+e.Name()))
		}
		slices.Sort(contents)
		return contents
	}
	set("one")
	_, err := judge(t.Context(), h, s, api.TrialPass)
	require.NoError(t, err)
	assert.Equal(t, []string{"somebody's"}, saved())
	set("two")
	assert.Equal(t, []string{"one", "somebody's"}, saved(), "it is on trial")
	result, err := judge(t.Context(), h, s, api.TrialRevert)
	require.NoError(t, err)
	assert.Len(t, result.Reverted, 1)
	assert.Equal(t, "one", h.read("/etc/a"))
	assert.Equal(t, []string{"somebody's"}, saved())
}
