package agent_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
)

const service = "etcd.service"

func TestChangedInputRestartsARunningUnitOnce(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.units.Start(t.Context(), service))
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, text("/etc/a", "x").Restarting(service), false)
	require.NoError(t, err)
	result := plan(t, s, text("/etc/a", "x").Restarting(service), unit(service))
	assert.Empty(t, result.Items)
	assert.Equal(t, "restart", result.Restarts[service].Action)
	assert.Equal(t, `m1/text["/etc/a"]`, result.Restarts[service].Cause)
	assert.Equal(t, []string{service}, result.Running)

	acted, err := h.apply(t.Context(), s, unit(service), true)
	require.NoError(t, err)
	assert.Equal(t, api.ApplyResult{Acted: "restart"}, acted)
	acted, err = h.apply(t.Context(), s, unit(service), true)
	require.NoError(t, err)
	assert.Empty(t, acted.Acted)
	assert.Equal(t, []string{"restart " + service}, h.units.log())
	assert.Empty(t, plan(t, s, unit(service)).Restarts)
}

func TestStoppedUnitNeedsNoRestart(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, text("/etc/a", "x").Restarting(service), false)
	require.NoError(t, err)
	result, err := h.apply(t.Context(), s, unit(service), true)
	require.NoError(t, err)
	assert.Equal(t, api.ApplyResult{Changed: true}, result, "started with the new input")
	assert.Empty(t, h.units.log())
}

// One that tries to start with certificates that have ended, say, would only
// fail when its time is up.
func TestAUnitThatIsStillStartingWithTheOldInputIsRestarted(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.units.Start(t.Context(), service))
	h.units.starting = map[string]bool{service: true}
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, text("/etc/b", "x").Reloading(service), false)
	require.NoError(t, err)
	_, err = h.apply(t.Context(), s, unit(service), true)
	require.ErrorContains(t, err, "job failed", "it would not read that anew")
	_, err = h.apply(t.Context(), s, text("/etc/a", "x").Restarting(service), false)
	require.NoError(t, err)
	result, err := h.apply(t.Context(), s, unit(service), true)
	require.NoError(t, err)
	assert.Equal(t, api.ApplyResult{Acted: "restart"}, result)
	assert.Equal(t, []string{"restart " + service}, h.units.log())
	assert.Empty(t, plan(t, s, unit(service)).Restarts)
}

func TestUnitRestartedByOthersNeedsNoRestart(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.units.Start(t.Context(), service))
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, text("/etc/a", "x").Restarting(service), false)
	require.NoError(t, err)
	require.NoError(t, h.units.Start(t.Context(), service)) // a new invocation
	assert.Empty(t, plan(t, s, unit(service)).Restarts)
	result, err := h.apply(t.Context(), s, unit(service), true)
	require.NoError(t, err)
	assert.Empty(t, result.Acted)
	assert.Empty(t, h.units.log())
}

func TestRestartWinsOverReload(t *testing.T) {
	for name, order := range map[string][]string{"reload first": {"reload", "restart"}, "restart first": {"restart", "reload"}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			require.NoError(t, h.units.Start(t.Context(), service))
			s := h.locked(t)
			for i, action := range order {
				r := text("/etc/"+string(rune('a'+i)), "x")
				if action == "reload" {
					r = r.Reloading(service)
				} else {
					r = r.Restarting(service)
				}
				_, err := h.apply(t.Context(), s, r, false)
				require.NoError(t, err)
			}
			result, err := h.apply(t.Context(), s, unit(service), true)
			require.NoError(t, err)
			assert.Equal(t, "restart", result.Acted)
		})
	}
}

func TestReloadClosesItsRecordWithoutANewInvocation(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.units.Start(t.Context(), service))
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, text("/etc/a", "x").Reloading(service), false)
	require.NoError(t, err)
	result, err := h.apply(t.Context(), s, unit(service), true)
	require.NoError(t, err)
	assert.Equal(t, "reload", result.Acted)
	assert.Empty(t, plan(t, s, unit(service)).Restarts)
}

func TestRemovedInputRestartsToo(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.units.Start(t.Context(), service))
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, text("/etc/a", "x").Restarting(service), false)
	require.NoError(t, err)
	_, err = h.apply(t.Context(), s, unit(service), true)
	require.NoError(t, err)
	gone := plan(t, s, unit(service))
	require.Len(t, gone.Removed, 1)
	assert.Equal(t, map[string]string{service: "restart"}, gone.Removed[0].Triggers)
	err = api.Remove.Do(t.Context(), s, api.RemoveParams{Epoch: h.epoch, ID: gone.Removed[0].ID})
	require.NoError(t, err)
	assert.Contains(t, plan(t, s, unit(service)).Restarts, service)
}
