package plan_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/plan"
	"provision/provision/resource"
	"provision/test/corrupt"
	"provision/test/faults"
)

// A saved plan is applied only when its hash is that of the plan made anew. A
// damaged one is refused, or has another hash, or says exactly the same but for
// what the hash leaves out (when it was made, warnings).
func TestADamagedSavedPlanIsNotTheSamePlan(t *testing.T) {
	good := &plan.Plan{Format: plan.Format, Cluster: "dc1", UUID: "5d9c", Target: "real hosts", Inventory: "ab12", Created: time.Unix(1, 0).UTC(),
		Steps: []plan.Step{
			{Address: resource.Address{Host: "m1", Kind: "file", Name: "/etc/a"}, Action: plan.Create, Changes: []resource.Change{{Field: "content", New: "x", Create: true}}},
			{Address: resource.Address{Host: "m1", Kind: "unit", Name: "x.service"}, Action: plan.Restart, Requires: []resource.Address{{Host: "m1", Kind: "file", Name: "/etc/a"}}, Irreversible: true},
		},
		Hosts: []plan.Host{{Name: "m1", Digest: "ffee", Wanted: 2}}, Warnings: []string{"w"}, Targets: []string{"m1"}, LeftOut: 3}
	sample, err := json.MarshalIndent(good, "", "  ")
	require.NoError(t, err)
	same := 0
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		got, err := plan.Decode(in)
		if err != nil {
			return false
		}
		if got.Hash() == good.Hash() {
			same++
			got.Created, got.Warnings = good.Created, good.Warnings
			want, err := json.Marshal(good)
			require.NoError(t, err)
			have, err := json.Marshal(got)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(have))
			return true
		}
		return false
	}, sample)
	faults.Record(t, "corrupt-plan", "a damaged or truncated saved plan is never applied", "bits flipped, parts cut, doubled, moved and spliced in a saved plan",
		"%d inputs: %d refused or of another hash, %d differ only in spaces, the date or warnings", tally.Inputs, tally.Rejected, same)
}
