package etcd

import (
	"fmt"
	"sort"
	"strings"

	"provision/provision/component"
	"provision/provision/inventory"
)

// Snapshot is where the commands of Restore expect a snapshot, on each host.
const Snapshot = "/root/etcd.snapshot"

// HostCommands are lines for the shell of root on a host.
type HostCommands struct {
	Host  string
	Lines []string
}

// apiServer is the unit of the API server, whose package imports this one.
const apiServer = "kube-apiserver.service"

// Restore are the commands, host by host, that make etcd anew from one snapshot
// that lies on each etcd host. Apply completes the cluster afterwards.
//
// The token keeps members of the former cluster out. Revisions go on far above
// those that clients have seen and count as compacted, so that whoever watches
// reads everything anew; API servers are stopped meanwhile for the same reason.
func Restore(inv *inventory.Inventory, token string) []HostCommands {
	members := []string{}
	for _, h := range inv.With(inventory.RoleEtcd) {
		members = append(members, h.Name+"="+peerURL(h))
	}
	sort.Strings(members)
	var list []HostCommands
	for _, h := range inv.Hosts {
		c := HostCommands{Host: h.Name}
		if h.Has(inventory.RoleMaster) {
			// Without etcd it would take its time to end, and nothing is lost with it.
			c.Lines = append(c.Lines, "systemctl stop --no-block "+apiServer, "systemctl kill --signal=KILL "+apiServer)
		}
		if h.Has(inventory.RoleEtcd) {
			c.Lines = append(c.Lines, restoreHere(inv, h, strings.Join(members, ","), token)...)
		}
		if len(c.Lines) > 0 {
			list = append(list, c)
		}
	}
	return list
}

// restoreHere restores beside the data's place, which may be a mount point and
// hold a lost+found, and moves the whole there.
func restoreHere(inv *inventory.Inventory, h inventory.Host, members, token string) []string {
	fresh := dataDir(inv) + "/restored"
	return []string{
		"systemctl stop " + Unit,
		"rm -rf " + fresh,
		fmt.Sprintf("%s/etcdutl snapshot restore %s --name %s --initial-cluster %s --initial-cluster-token %s --initial-advertise-peer-urls %s --bump-revision 1000000000 --mark-compacted --data-dir %s",
			component.BinDir, Snapshot, h.Name, members, token, peerURL(h), fresh),
		fmt.Sprintf("mv -T %s/member %s", fresh, MemberDir(inv)),
		"rmdir " + fresh,
		// It is up once most members are: don't wait here.
		"systemctl start --no-block " + Unit,
	}
}
