//go:build e2e && soak

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/test/soak"
)

// soaked is the result that is committed in test/soak/results.
type soaked struct {
	soak.Header
	Seed     uint64  `json:"seed"`
	Kills    int     `json:"kills"`
	Operator int     `json:"operator_kills"`
	Agents   int     `json:"agent_kills"` // hosts whose agents were killed
	Clusters int     `json:"clusters"`
	Compared int     `json:"compared"` // files, units and objects, each time
	Seconds  float64 `json:"seconds"`
}

// begin is the header of a result of the code that is about to run.
func begin(t *testing.T, journey string) soak.Header {
	t.Helper()
	head, err := soak.Begin(repo, journey, time.Now())
	require.NoError(t, err)
	return head
}

// keep writes a result to test/soak/results.
func keep(t *testing.T, journey string, result any) {
	t.Helper()
	raw, err := json.MarshalIndent(result, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(soak.File(repo, journey), append(raw, '\n'), 0o644))
}

// TestSoakKills makes clusters and kills provision, or the agents of a host, at
// random moments, until there were kills enough ($PROVISION_SOAK_KILLS, 100).
// Each cluster must end up equal to one that was made in one go.
func TestSoakKills(t *testing.T) {
	wanted := 100
	if text := os.Getenv("PROVISION_SOAK_KILLS"); text != "" {
		var err error
		wanted, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	s := newSuite(t)
	result := soaked{Header: begin(t, "kills"), Seed: rand.Uint64()}
	random := rand.New(rand.NewPCG(result.Seed, 0))
	t.Logf("seed %d", result.Seed)
	begun := time.Now()
	t.Run("in one go", func(t *testing.T) {
		c := s.boot(t, "soak", sample("small.hcl"), extra("shared-kernel.hcl"))
		c.apply(t)
		c.unchanged(t)
		s.whole = c.snapshot(t)
	})
	result.Compared = len(s.whole)
	for !t.Failed() && result.Kills < wanted {
		result.Clusters++
		t.Run(fmt.Sprintf("cluster %d", result.Clusters), func(t *testing.T) {
			c := s.boot(t, "soak", sample("small.hcl"), extra("shared-kernel.hcl"))
			for range 12 {
				if !c.killAny(t, random, &result) {
					break
				}
			}
			c.apply(t)
			c.unchanged(t)
			c.equals(t, s.whole)
		})
	}
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	keep(t, result.Journey, result)
}

// killAny runs apply and kills the operator or the agents of one host. It
// reports whether the moment came before the run's end.
func (c *cluster) killAny(t *testing.T, random *rand.Rand, result *soaked) bool {
	t.Helper()
	m := moment{"step_done", 1 + random.IntN(60)}
	hosts := c.applied(t)
	host := hosts[random.IntN(len(hosts))]
	if random.IntN(2) == 0 {
		host = ""
	}
	killed := c.at(t, m, func(cmd *exec.Cmd) bool {
		if host == "" {
			return cmd.Process.Kill() == nil
		}
		return len(c.killAgents(t, host)) > 0
	})
	c.free(t)
	switch {
	case !killed:
		return false
	case host == "":
		result.Operator++
	default:
		result.Agents++
	}
	result.Kills++
	return true
}
