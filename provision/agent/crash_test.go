package agent_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/resource"
)

// killAt makes the host die at its nth kill point: that one and all later ones
// panic, so that nothing more is done. It reports whether it came to that.
func (h *host) killAt(n int64) (died func() bool) {
	var count atomic.Int64
	h.point = func(name string) {
		if count.Add(1) > n {
			panic("killed at " + name)
		}
	}
	return func() bool { h.point = func(string) {}; return count.Load() > n }
}

// everyPoint runs first with a kill at each point in turn, until it gets through.
func everyPoint(t *testing.T, prepare func(h *host), first func(h *host, s *client.Session), then func(h *host, s *client.Session)) {
	t.Helper()
	for n := int64(0); ; n++ {
		again := false
		t.Run(fmt.Sprintf("killed at point %d", n), func(t *testing.T) {
			h := newHost(t)
			prepare(h)
			s := h.locked(t)
			died := h.killAt(n)
			first(h, s)
			again = died()
			require.NoError(t, s.Close())
			then(h, h.locked(t))
		})
		if !again || t.Failed() {
			require.Positive(t, n)
			return
		}
	}
}

func TestKilledApplyConverges(t *testing.T) {
	wanted := []resource.Resource{text("/etc/a", "new").Restarting(service), text("/etc/b", "made"), unit(service)}
	run := func(h *host, s *client.Session) error {
		for _, r := range wanted {
			if _, err := h.apply(t.Context(), s, r, r.Address.Kind == "unit"); err != nil {
				return err
			}
		}
		return api.Commit.Do(t.Context(), s, api.Empty{})
	}
	everyPoint(t, func(h *host) {
		h.write(t, "/etc/a", "before")
		require.NoError(t, h.units.Start(t.Context(), service))
	}, func(h *host, s *client.Session) {
		_ = run(h, s)
	}, func(h *host, s *client.Session) {
		require.NoError(t, run(h, s))
		result := plan(t, s, wanted...)
		assert.Empty(t, result.Items)
		assert.Empty(t, result.Restarts)
		assert.NotEmpty(t, h.units.log(), "the unit runs with the new input")
		assert.Equal(t, map[string]string{"/etc/a": "new", "/etc/b": "made"}, h.tree(t, "/etc"))
		for _, entry := range plan(t, s).Removed {
			err := api.Remove.Do(t.Context(), s, api.RemoveParams{Epoch: h.epoch, ID: entry.ID})
			require.NoError(t, err)
		}
		assert.Equal(t, map[string]string{"/etc/a": "before"}, h.tree(t, "/etc"))
	})
}

func TestKilledRemoveConverges(t *testing.T) {
	remove := func(h *host, s *client.Session) error {
		err := api.Remove.Do(t.Context(), s, api.RemoveParams{Epoch: h.epoch, ID: `text["/etc/a"]`})
		return err
	}
	everyPoint(t, func(h *host) {
		h.write(t, "/etc/a", "before")
		s := h.locked(t)
		_, err := h.apply(t.Context(), s, text("/etc/a", "x"), false)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}, func(h *host, s *client.Session) {
		_ = remove(h, s)
	}, func(h *host, s *client.Session) {
		require.NoError(t, remove(h, s))
		assert.Equal(t, "before", h.read("/etc/a"))
		assert.Empty(t, plan(t, s).Removed)
	})
}

// A birth killed anywhere, then done again with the same or another UUID, ends
// with one whole identity, and never with a changed one after its commit.
func TestKilledBirthConverges(t *testing.T) {
	items := []string{system.ClusterKey, system.Encryption} // one of each sort: a matrix over all takes a quarter of a minute
	for _, second := range []string{"one", "two"} {
		t.Run("again as "+second, func(t *testing.T) {
			everyPoint(t, func(*host) {}, func(h *host, s *client.Session) {
				for _, name := range []string{"create", "commit"} {
					err := api.Identity.Do(t.Context(), s, api.IdentityParams{Act: name, Epoch: h.epoch, UUID: "one", Cluster: "dc1", Items: items})
					if err != nil {
						return
					}
				}
			}, func(h *host, s *client.Session) {
				host, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
				require.NoError(t, err)
				committed := host.Owned.Identity
				uuid := second
				if committed != nil {
					uuid = committed.UUID
				}
				identity := birth(t, h, s, uuid, items...)
				if committed != nil {
					assert.Equal(t, *committed, identity)
				}
				assertWhole(t, h, identity.CAs)
			})
		})
	}
}

func assertWhole(t *testing.T, h *host, cas map[string]string) {
	t.Helper()
	tree := h.tree(t, system.IdentityDir)
	assert.Len(t, tree, 3)
	assert.Equal(t, cas["cluster"], tree[system.IdentityDir+"/"+system.ClusterCA])
	_, err := pki.ParseCA([]byte(cas["cluster"]), []byte(tree[system.IdentityDir+"/"+system.ClusterKey]))
	assert.NoError(t, err)
}
