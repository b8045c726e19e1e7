//go:build e2e && soak

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSoakPoints makes a new cluster for each point of the matrix, with nothing
// killed before, and compares each with one that was made in one go.
func TestSoakPoints(t *testing.T) {
	s := newSuite(t)
	result := soaked{Journey: "points", Date: time.Now().UTC().Format(time.RFC3339), Commit: commit(t)}
	begun := time.Now()
	t.Run("in one go", func(t *testing.T) {
		c := s.boot(t, "points", sample("lab.hcl"))
		c.apply(t)
		c.unchanged(t)
		s.whole = c.snapshot(t)
	})
	require.False(t, t.Failed())
	result.Compared = len(s.whole)
	found := &crashed{points: map[string][]string{}}
	one := func(name string, first, later []strike) {
		t.Run(name, func(t *testing.T) { s.crashed(t, found, first, later) })
		result.Clusters++
		result.Kills++
		if slices.Concat(first, later)[0].died() == operator {
			result.Operator++
		} else {
			result.Agents++
		}
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
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	result.write(t)
	if !t.Failed() {
		found.record(t)
	}
}
