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
	"provision/provision/resource/etcddata"
)

func restoring(open bool) *component.Cluster {
	c := componenttest.Lab()
	members := etcd.MembersOf(c.Inventory.With(inventory.RoleEtcd)[:2])
	c.Identity.EtcdClusterID = etcd.ClusterID(members, "token")
	c.Identity.Restored = &facts.Restored{Open: open, SHA256: "abcdef0123456789", Cluster: c.Identity.EtcdClusterID, Members: members, Token: "token", Bump: 7}
	return c
}

func dataSpec(t *testing.T, c *component.Cluster, host string) (etcddata.Spec, []string) {
	t.Helper()
	r := desired(t, c, host)[`etcddata["/var/lib/etcd"]`]
	var spec etcddata.Spec
	require.NoError(t, json.Unmarshal(r.Spec, &spec))
	return spec, r.Blobs
}

func TestHostsOfARestoreGetTheSameSnapshot(t *testing.T) {
	c := restoring(true)
	for _, host := range []string{"m1", "m2"} {
		spec, blobs := dataSpec(t, c, host)
		require.NotNil(t, spec.Restore)
		assert.Equal(t, []string{"abcdef0123456789"}, blobs)
		assert.Equal(t, "m1=https://10.40.0.11:2380,m2=https://10.40.0.12:2380", spec.Restore.Members, "the same list, without the lost one")
		assert.Equal(t, host, spec.Restore.Name)
		assert.Equal(t, c.Identity.EtcdClusterID, spec.Restore.Cluster)
	}
	spec, blobs := dataSpec(t, restoring(false), "m1")
	assert.Nil(t, spec.Restore, "once it is over data are left alone")
	assert.Empty(t, blobs)
}

func TestClusterID(t *testing.T) {
	two := map[string]string{"a": "https://10.0.0.1:2380", "b": "https://10.0.0.2:2380"}
	assert.NotEqual(t, etcd.ClusterID(two, "x"), etcd.ClusterID(two, "y"), "another token is another cluster")
}
