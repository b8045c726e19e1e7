package etcd

import (
	"crypto/sha1" //nolint:gosec // etcd makes its ids with it
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/etcddata"
)

// RestoreMargin is by how much revisions of a restored etcd lie above all that
// are known to have been handed out: more than are written between the last look
// and the end of a cluster that nobody could ask.
const RestoreMargin = 1_000_000_000

// MembersOf are peer URLs by host: the members of an etcd that is restored.
func MembersOf(hosts []inventory.Host) map[string]string {
	members := map[string]string{}
	for _, h := range hosts {
		members[h.Name] = peerURL(h)
	}
	return members
}

// ClusterID is the id, in hex, that etcd gives itself when it is restored with
// these members, by name, and this token.
func ClusterID(members map[string]string, token string) string {
	var ids []uint64
	for _, url := range members {
		sum := sha1.Sum([]byte(url + token)) //nolint:gosec // see above
		ids = append(ids, binary.BigEndian.Uint64(sum[:8]))
	}
	slices.Sort(ids)
	var all []byte
	for _, id := range ids {
		all = binary.BigEndian.AppendUint64(all, id)
	}
	sum := sha1.Sum(all) //nolint:gosec // see above
	return strconv.FormatUint(binary.BigEndian.Uint64(sum[:8]), 16)
}

// restoring is the restore that is under way; nil when there is none.
func restoring(c *component.Cluster) *facts.Restored {
	if r := c.Identity.Restored; r != nil && r.Open {
		return r
	}
	return nil
}

// dataOf is what is to be known of the data on a host, and the blobs that takes.
func dataOf(c *component.Cluster, host inventory.Host) (spec etcddata.Spec, blobs []string) {
	known := KnownOf(c)
	spec = etcddata.Spec{Unit: Unit, Log: LogDir(c.Inventory)}
	spec.Removed, spec.Rejoin = known.Rejoining[host.Name]
	r := restoring(c)
	if r == nil {
		return spec, nil
	}
	list := make([]string, 0, len(r.Members))
	for _, name := range slices.Sorted(maps.Keys(r.Members)) {
		list = append(list, name+"="+r.Members[name])
	}
	spec.Restore = &etcddata.Restore{Snapshot: r.SHA256, Bare: r.Bare, Programs: component.BinDir, Cluster: r.Cluster,
		Name: host.Name, Members: strings.Join(list, ","), Token: r.Token, PeerURL: r.Members[host.Name], Bump: r.Bump}
	return spec, []string{r.SHA256}
}

// left says why hosts take no part in a restore: it goes without them.
func left(c *component.Cluster, r *facts.Restored) map[string]error {
	out := map[string]error{}
	for _, h := range c.Inventory.With(inventory.RoleEtcd) {
		_, answered := c.Facts[h.Name]
		if _, takes := r.Members[h.Name]; answered && !takes {
			out[h.Name] = fmt.Errorf("host %s was given as lost: it joins etcd anew with the first apply after the restore", h.Name)
		}
	}
	return out
}
