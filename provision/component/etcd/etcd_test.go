package etcd_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/etcd"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/file"
	"provision/provision/resource/unit"
)

func grown() *component.Cluster {
	c := componenttest.With(componenttest.Single(),
		componenttest.Host("b", "10.40.1.12", inventory.RoleEtcd), componenttest.Host("c", "10.40.1.13", inventory.RoleEtcd))
	c.Learned = map[string]any{"etcd": etcd.Known{Members: map[string]string{"all": "https://10.40.1.11:2380"}}}
	return c
}

func desired(t *testing.T, c *component.Cluster, host string) map[string]resource.Resource {
	t.Helper()
	h, ok := c.Inventory.Host(host)
	require.True(t, ok)
	list, err := etcd.New().Desired(c, h)
	require.NoError(t, err)
	byID := map[string]resource.Resource{}
	for _, r := range list {
		byID[r.Address.ID()] = r
	}
	return byID
}

func bootstrap(t *testing.T, c *component.Cluster, host string) file.Spec {
	t.Helper()
	var spec file.Spec
	require.NoError(t, json.Unmarshal(desired(t, c, host)[`file["/etc/etcd/bootstrap.env"]`].Spec, &spec))
	return spec
}

func TestNewClusterStartsWithAllMembers(t *testing.T) {
	for _, host := range []string{"m1", "m3"} {
		spec := bootstrap(t, componenttest.Lab(), host)
		assert.Contains(t, spec.Content, "CLUSTER=m1=https://10.40.0.11:2380,m2=https://10.40.0.12:2380,m3=https://10.40.0.13:2380\n")
		assert.Contains(t, spec.Content, "STATE=new\n")
		assert.Contains(t, spec.Content, "TOKEN=lab\n")
		assert.Equal(t, "/var/lib/etcd/member/wal", spec.Until, "read only while there is no data")
	}
}

// The first run of a cluster that is killed half-way wrote the file without a
// UUID; the next one has it, and must not part the members.
func TestTokenIsTheSameBeforeAndAfterBirth(t *testing.T) {
	unborn := componenttest.Lab()
	unborn.Identity = facts.Identity{}
	assert.Equal(t, bootstrap(t, componenttest.Lab(), "m2").Content, bootstrap(t, unborn, "m2").Content)
}

// etcd refuses a newcomer whose list is not exactly the membership at that time.
func TestNewcomersNameThoseBeforeThem(t *testing.T) {
	c := grown()
	assert.Contains(t, bootstrap(t, c, "b").Content, "CLUSTER=all=https://10.40.1.11:2380,b=https://10.40.1.12:2380\n")
	assert.Contains(t, bootstrap(t, c, "c").Content,
		"CLUSTER=all=https://10.40.1.11:2380,b=https://10.40.1.12:2380,c=https://10.40.1.13:2380\n")
	assert.Contains(t, bootstrap(t, c, "c").Content, "STATE=existing\n")
}

func TestNewcomersJoinOneAfterTheOther(t *testing.T) {
	c := grown()
	id := resource.Address{Kind: unit.Kind, Name: etcd.Unit}.ID()
	assert.Contains(t, desired(t, c, "b")[id].Requires, component.LearnerAt("b"))
	assert.Contains(t, desired(t, c, "c")[id].Requires, component.LearnerAt("c"))
	assert.Contains(t, desired(t, c, "c")[id].Requires, component.MemberAt("b"))
	for _, needed := range desired(t, c, "all")[id].Requires {
		assert.Equal(t, "all", needed.Host, "a member waits for nobody else")
	}
}

func TestRejoinAfterLostData(t *testing.T) {
	c := componenttest.Lab()
	c.Learned = map[string]any{"etcd": etcd.Known{Members: map[string]string{"m1": "https://10.40.0.11:2380", "m3": "https://10.40.0.13:2380"}}}
	spec := bootstrap(t, c, "m2")
	assert.Contains(t, spec.Content, "m2=https://10.40.0.12:2380")
	assert.Contains(t, spec.Content, "STATE=existing\n")
}

func TestAttributesReachTheUnit(t *testing.T) {
	c := componenttest.Single()
	c.Inventory.Etcd.DataDir = "/data/etcd"
	c.Inventory.Etcd.QuotaBytes = 4 << 30
	c.Inventory.Etcd.Args = map[string]string{"log-level": "warn"}
	var spec file.Spec
	require.NoError(t, json.Unmarshal(desired(t, c, "all")[`file["/etc/systemd/system/etcd.service"]`].Spec, &spec))
	for _, text := range []string{"--data-dir=/data/etcd", "ReadWritePaths=/data/etcd", "--quota-backend-bytes=4294967296", "--log-level=warn"} {
		assert.Contains(t, spec.Content, text)
	}
	assert.Equal(t, "/data/etcd/member/wal", bootstrap(t, c, "all").Until)
}
