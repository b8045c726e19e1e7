//go:build e2e && soak

package e2e

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moments are seven, seeded: in the birth of the identity, while blobs are sent,
// and between steps.
func moments() []moment {
	random := rand.New(rand.NewPCG(3, 1937))
	list := []moment{{"step_started", 1}, {"step_started", 2 + random.IntN(8)}, {"transfer", 1 + random.IntN(20)}}
	for i := range 4 { // some 300 steps in all
		list = append(list, moment{"step_done", 1 + 20*i + random.IntN(60)})
	}
	return list
}

// killed kills provision again and again while it makes a cluster. The next
// run goes on, and in the end all is as if nothing had happened.
func (s *suite) killed(t *testing.T) {
	c := s.boot(t, "killed", sample("lab.hcl"))
	for _, m := range moments() {
		killed := c.kill(t, m)
		require.True(t, killed, "the run ended before %s: nothing was killed", m)
	}
	c.seconds(t, "apply after seven kills", c.apply(t).took)
	c.unchanged(t)
	st := c.status(t)
	assert.True(t, st.healthy(), "%s", st)
	c.answersDNS(t, "n1")
	resumed := c.snapshot(t)
	c.note(t, "files, units and objects compared", "%d", len(resumed))
	assert.Empty(t, s.whole.differences(resumed), "the cluster differs from one that was made in one go")
}
