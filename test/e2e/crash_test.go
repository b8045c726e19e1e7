//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crashed keeps what the matrix found, for docs/faults.md.
type crashed struct {
	points   map[string][]string // by row: who was killed, where
	took     []time.Duration     // of the applies afterwards
	compared int
}

// crash kills the operator on one cluster and agents on another at every point
// of the matrix, one after the other; then each is completed by the shipped
// program and compared with one that was made in one go.
func (s *suite) crash(t *testing.T) {
	require.NotNil(t, s.whole, "this journey compares with the cluster of TestJourneys/five/create: run that, too")
	found := &crashed{points: map[string][]string{}}
	t.Run("operator", func(t *testing.T) { s.crashed(t, found, operatorFirst(), operatorLater()) })
	t.Run("agents", func(t *testing.T) { s.crashed(t, found, agentsFirst(), agentsLater()) })
	if !t.Failed() {
		found.record(t)
	}
}

// crashed makes a cluster under strikes, completes it, changes it under more
// strikes, and changes it back.
func (s *suite) crashed(t *testing.T, found *crashed, first, later []strike) {
	c := s.boot(t, "crash", sample("lab.hcl"))
	for _, one := range first {
		c.crash(t, found, one)
	}
	c.converges(t, found)
	found.compared = c.equals(t, s.whole)
	if t.Failed() {
		return
	}
	for i, one := range later {
		c.with(edited(t, sample("lab.hcl"), one.edits...), func() {
			c.crash(t, found, one)
			if i == len(later)-1 {
				c.converges(t, found)
			}
		})
	}
	if len(later) > 0 {
		c.converges(t, found)
		c.equals(t, s.whole)
	}
}

func (c *cluster) crash(t *testing.T, found *crashed, one strike) {
	t.Helper()
	points := c.strike(t, one)
	var at []string
	for _, place := range slices.Sorted(maps.Keys(points)) {
		at = append(at, place+" at "+strings.ReplaceAll(points[place], "|", "/"))
	}
	for row := range strings.FieldsSeq(one.rows) {
		found.points[row] = append(found.points[row], one.died()+" killed: "+strings.Join(at, ", "))
	}
	require.False(t, t.Failed(), "%s", one.rows)
}

// converges applies with the shipped program; nothing is left to do then.
func (c *cluster) converges(t *testing.T, found *crashed) time.Duration {
	t.Helper()
	took := c.apply(t).took
	found.took = append(found.took, took)
	c.seconds(t, "apply after the kills", took)
	c.unchanged(t)
	return took
}

// equals compares the cluster with one that was made in one go.
func (c *cluster) equals(t *testing.T, whole snapshot) int {
	t.Helper()
	have := c.snapshot(t)
	assert.Empty(t, whole.differences(have), "the cluster differs from one that was made in one go")
	return len(have)
}

// figure is what the rows of docs/faults.md show.
func (f *crashed) figure(row string) string {
	longest := slices.Max(f.took)
	return fmt.Sprintf("%s; then applied in at most %.1f s, plan empty, %d files, units and objects equal",
		strings.Join(f.points[row], "; "), longest.Seconds(), f.compared)
}
