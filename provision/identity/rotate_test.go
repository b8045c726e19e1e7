package identity

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/pki"
)

func TestARotationEndsWhereItBegan(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := map[string][]string{
		system.ClusterKey:    {pki.Announced, pki.Trusted, pki.Signing, pki.Signed, pki.Dropped, ""},
		system.ServiceKey:    {pki.Announced, pki.Signing, pki.Signed, pki.Dropped, ""},
		system.EtcdKey:       {pki.Announced, pki.Signing, pki.Dropped, ""},
		system.FrontProxyKey: {pki.Announced, pki.Signing, pki.Dropped, ""},
		system.Encryption:    {pki.Announced, pki.Signing, pki.Dropped, ""},
	}
	for name, item := range Rotatable() {
		for _, hurry := range []bool{false, true} {
			var turn facts.Turn
			var phases []string
			for {
				next, until := Next(item, turn, now, hurry)
				if !until.IsZero() {
					require.False(t, hurry, "who is in a hurry waits for nothing")
					_, still := Next(item, turn, until.Add(-time.Second), false)
					require.Equal(t, until, still)
					next, until = Next(item, turn, until, false)
					require.Zero(t, until)
				}
				require.True(t, pki.Follows(turn.Phase, next), "%s: %q after %q", name, next, turn.Phase)
				phases = append(phases, next)
				if turn = (facts.Turn{Phase: next, Since: now}); next == "" {
					break
				}
			}
			if hurry {
				assert.Equal(t, want[system.EtcdKey], phases, name)
			} else {
				assert.Equal(t, want[item], phases, name)
			}
		}
	}
}

// The highest generation is the cluster's; who has a lower one is told, and is
// asked for nothing.
func TestTheLatestGenerationCounts(t *testing.T) {
	inv := lab()
	m1, m2, n1 := inv.Hosts[0], inv.Hosts[1], inv.Hosts[2]
	at := func(generation int, ca string, host int) facts.Owned {
		known := member("dc1", "u1", inv.Hosts[host])
		known.Identity.Generation, known.Identity.CAs = generation, map[string]string{"cluster": ca}
		return known
	}
	d, err := Decide(inv, map[string]facts.Owned{m1.Name: at(1, "old", 0), m2.Name: at(2, "new and old", 1), n1.Name: at(1, "old", 2)})
	require.NoError(t, err)
	assert.Equal(t, 2, d.Identity.Generation)
	assert.Equal(t, "new and old", d.Identity.CAs["cluster"])
	assert.Equal(t, []string{m2.Name}, d.Holders[system.ClusterKey])
	assert.Contains(t, d.Joins, m1.Name)
	assert.Contains(t, d.Joins, n1.Name)
	assert.NotContains(t, d.Joins, m2.Name)

	_, err = Decide(inv, map[string]facts.Owned{m1.Name: at(2, "one", 0), m2.Name: at(2, "another", 1)})
	require.ErrorContains(t, err, "has another certificate authority", "the same generation is the same everywhere")
	_, err = Decide(inv, map[string]facts.Owned{m1.Name: at(1, "old", 0), m2.Name: at(1, "old", 1), n1.Name: at(9, "evil", 2)})
	require.ErrorContains(t, err, "has another certificate authority", "a worker does not rotate")
}
