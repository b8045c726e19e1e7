package loadbalancer_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/loadbalancer"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/file"
)

func config(t *testing.T, c *component.Cluster, host string) (resource.Resource, file.Spec) {
	t.Helper()
	h, _ := c.Inventory.Host(host)
	list, err := loadbalancer.New().Desired(c, h)
	require.NoError(t, err)
	for _, r := range list {
		if r.Address.Kind == file.Kind {
			var spec file.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			return r, spec
		}
	}
	require.Fail(t, "no configuration")
	return resource.Resource{}, file.Spec{}
}

func TestAllMastersAreBackends(t *testing.T) {
	c := componenttest.With(componenttest.Lab(), componenttest.Host("six", "fd00::6", inventory.RoleMaster))
	_, spec := config(t, c, "n1")
	assert.Contains(t, spec.Content, "server m1 10.40.0.11:6443\n  server m2 10.40.0.12:6443\n  server m3 10.40.0.13:6443\n  server six [fd00::6]:6443\n")
	assert.NotContains(t, spec.Content, "10.40.0.21")
	assert.Contains(t, spec.Content, "bind 127.0.0.1:7443")
	assert.Contains(t, spec.Content, "verify required")
	assert.Contains(t, spec.Content, "on-marked-down shutdown-sessions")
}

func TestAnIsolatedMasterIsNoBackend(t *testing.T) {
	c := componenttest.Lab()
	c.Isolated = map[string]bool{"m2": true}
	_, spec := config(t, c, "n1")
	assert.Contains(t, spec.Content, "server m1 ")
	assert.NotContains(t, spec.Content, "server m2 ")
	assert.Contains(t, spec.Content, "server m3 ")
	assert.Contains(t, spec.Content, "  hard-stop-after 10s\n", "and is asked no more over the connections of before")
}

// A restart would cut every watch on the host.
func TestIsReloadedNeverRestarted(t *testing.T) {
	r, spec := config(t, componenttest.Lab(), "n1")
	assert.Equal(t, []resource.Trigger{{Unit: loadbalancer.Unit, Action: resource.Reload}}, r.Triggers)
	assert.Equal(t, "{}", spec.Validate[len(spec.Validate)-1], "HAProxy itself accepts it before it is used")
}
