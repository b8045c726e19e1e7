//go:build e2e && soak

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSoakPoints makes a new cluster for each point of the matrix, with nothing
// killed before, and compares each with one that was made in one go.
func TestSoakPoints(t *testing.T) {
	s := newSuite(t)
	s.patience = 20 * time.Minute
	result := soaked{Header: begin(t, "points")}
	begun := time.Now()
	t.Run("in one go", func(t *testing.T) {
		c := s.boot(t, "points", sample("lab.hcl"))
		c.apply(t)
		c.unchanged(t)
		s.whole = c.snapshot(t)
	})
	require.False(t, t.Failed())
	result.Compared = len(s.whole)
	t.Run("seven moments on one cluster", s.killed)
	found := &crashed{points: map[string][]string{}}
	one := func(name string, first, later []strike) {
		t.Run(name, func(t *testing.T) { s.crashed(t, found, first, later) })
		result.add(slices.Concat(first, later)[0])
	}
	for _, strikes := range [][]strike{operatorFirst(), agentsFirst()} {
		for i, each := range strikes {
			one(fmt.Sprintf("%s %s %d", each.died(), each.rows, i), []strike{each}, nil)
		}
	}
	for _, strikes := range [][]strike{operatorLater(), agentsLater()} {
		for _, each := range strikes {
			one(each.died()+" "+each.rows, nil, []strike{each})
		}
	}
	s.learnerPoints(t, found, &result)
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	keep(t, result.Journey, result)
	if !t.Failed() {
		found.record(t)
		found.recordLearner(t)
	}
}

// learnerPoints does the same with a cluster that grows.
func (s *suite) learnerPoints(t *testing.T, found *crashed, result *soaked) {
	grow := func(t *testing.T, strikes ...strike) snapshot {
		all := []string{extra("grow-1.hcl"), extra("grow-3.hcl"), extra("shared-kernel.hcl")}
		c := s.boot(t, "points", all...)
		c.files = []string{all[0], all[2]}
		c.apply(t)
		c.files = all
		for _, one := range strikes {
			c.crash(t, found, one)
		}
		c.converges(t, found)
		c.threeVoters(t)
		return c.snapshot(t)
	}
	var whole snapshot
	t.Run("grown in one go", func(t *testing.T) { whole = grow(t) })
	for i, one := range learnerStrikes() {
		t.Run(fmt.Sprintf("%s %s %d", one.died(), one.rows, i), func(t *testing.T) {
			assert.Empty(t, whole.differences(grow(t, one)))
		})
		result.add(one)
	}
}

// add counts a cluster that was struck.
func (result *soaked) add(one strike) {
	result.Clusters++
	result.Kills++
	if strings.Contains(one.died(), operator) {
		result.Operator++
	}
	if strings.Contains(one.died(), "agents") {
		result.Agents++
	}
}
