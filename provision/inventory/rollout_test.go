package inventory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/inventory"
)

func TestRolloutIsBounded(t *testing.T) {
	inv := mustParse(t, "cluster \"c\" {}\n", sealed())
	assert.Equal(t, inventory.Rollout{MaxUnavailable: "1", Canary: 1, DrainTimeout: 5 * time.Minute}, inv.Rollout)
	inv = mustParse(t, `
cluster "c" {}
rollout {
  max_unavailable = 3
  canary          = 0
  drain_timeout   = "90s"
  evict_unmanaged = true
}
`, sealed())
	assert.Equal(t, inventory.Rollout{MaxUnavailable: "3", DrainTimeout: 90 * time.Second, EvictUnmanaged: true}, inv.Rollout)
}

func TestAtOnce(t *testing.T) {
	for _, tc := range []struct {
		text          string
		workers, want int
	}{
		{"1", 50, 1}, {"7", 3, 7}, {"10%", 50, 5}, {"10%", 59, 5}, {"10%", 9, 1}, {"100%", 4, 4}, {"10%", 0, 1}, {"", 9, 1},
	} {
		assert.Equal(t, tc.want, inventory.Rollout{MaxUnavailable: tc.text}.AtOnce(tc.workers), "%s of %d", tc.text, tc.workers)
	}
}

func TestRolloutsThatMakeNoSenseAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`max_unavailable = 0`:      "At least one host",
		`max_unavailable = "-1"`:   "At least one host",
		`max_unavailable = "101%"`: "at most 100%",
		`max_unavailable = "some"`: "neither a number nor a percentage",
		`max_unavailable = "1.5"`:  "neither a number nor a percentage",
		`max_unavailable = "+3"`:   "neither a number nor a percentage",
		`canary = -1`:              "from 0 to",
		`drain_timeout = "0s"`:     "from 1s to",
		`drain_timeout = "soon"`:   "drain_timeout",
	} {
		_, list := inventory.Parse(t.Context(), map[string][]byte{"x.hcl": []byte("cluster \"c\" {}\nhost \"m\" {\n  address = \"192.0.2.1\"\n  roles = [\"etcd\", \"master\", \"node\"]\n}\nrollout {\n  " + text + "\n}\n")}, sealed())
		assert.Contains(t, printed(t, list), want, text)
	}
}
