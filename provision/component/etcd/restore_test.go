package etcd

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
)

func TestRestoreNamesEveryHostThatTakesPart(t *testing.T) {
	inv := &inventory.Inventory{Cluster: inventory.Cluster{Name: "dc1"}, Etcd: inventory.Etcd{DataDir: "/srv/etcd"}, Hosts: []inventory.Host{
		{Name: "e1", Address: netip.MustParseAddr("10.0.0.1"), Roles: []inventory.Role{inventory.RoleEtcd}},
		{Name: "e2", Address: netip.MustParseAddr("fd00::2"), Roles: []inventory.Role{inventory.RoleEtcd, inventory.RoleMaster}},
		{Name: "m3", Address: netip.MustParseAddr("10.0.0.3"), Roles: []inventory.Role{inventory.RoleMaster}},
		{Name: "n4", Address: netip.MustParseAddr("10.0.0.4"), Roles: []inventory.Role{inventory.RoleNode}},
	}}
	list := Restore(inv, "dc1-new")
	require.Len(t, list, 3)
	assert.Equal(t, HostCommands{Host: "e1", Lines: []string{
		"systemctl stop etcd.service",
		"rm -rf /srv/etcd/restored",
		"/usr/local/bin/etcdutl snapshot restore /root/etcd.snapshot --name e1 --initial-cluster e1=https://10.0.0.1:2380,e2=https://[fd00::2]:2380 --initial-cluster-token dc1-new --initial-advertise-peer-urls https://10.0.0.1:2380 --bump-revision 1000000000 --mark-compacted --data-dir /srv/etcd/restored",
		"mv -T /srv/etcd/restored/member /srv/etcd/member",
		"rmdir /srv/etcd/restored",
		"systemctl start --no-block etcd.service",
	}}, list[0])
	stop := []string{"systemctl stop --no-block " + apiServer, "systemctl kill --signal=KILL " + apiServer}
	assert.Equal(t, stop, list[1].Lines[:2], "before etcd is anew")
	assert.Contains(t, strings.Join(list[1].Lines, "\n"), "--initial-advertise-peer-urls https://[fd00::2]:2380")
	assert.Equal(t, HostCommands{Host: "m3", Lines: stop}, list[2])
}
