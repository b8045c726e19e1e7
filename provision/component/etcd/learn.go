package etcd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"provision/provision/cluster"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource/etcdmember"
)

// Times for reading etcd's members: when a host must know them to join, and
// when it is only to see whether one was removed.
const (
	joinPatience  = 10 * time.Second
	checkPatience = 3 * time.Second
)

// Learn implements component.Learner. It reads the members of an etcd that has
// formed, and finds the hosts that join it: those without data, and those whose
// member was removed. When nobody can tell, hosts without data are skipped: a
// member that started empty under its old identity would break etcd's promises.
func (etcd) Learn(ctx context.Context, c *component.Cluster, ask component.Ask) (component.Lesson, error) {
	var lesson component.Lesson
	var empty []string
	kept, silent := 0, 0
	for _, h := range c.Inventory.With(inventory.RoleEtcd) {
		known, answered := c.Facts[h.Name]
		switch {
		case !answered:
			silent++
		case HasData(c.Inventory, known):
			kept++
		default:
			empty = append(empty, h.Name)
		}
	}
	if !Formed(c) {
		return lesson, nil
	}
	if r := restoring(c); r != nil {
		lesson.Unfit = left(c, r)
		return lesson, nil
	}
	if kept == 0 && silent == 0 && len(empty) > 0 {
		return lesson, gone(c, empty)
	}
	patience := joinPatience
	if len(empty) == 0 {
		patience = checkPatience
	}
	members, err := list(ctx, ask, patience)
	if err != nil {
		lesson.Unfit = map[string]error{}
		for _, name := range empty {
			lesson.Unfit[name] = fmt.Errorf("host %s has no etcd data, and no other member answers to let it join: %w", name, err)
		}
		return lesson, nil
	}
	known := Known{}
	known.Rejoining, lesson.Warnings = removed(ctx, c, ask, members)
	for _, name := range empty {
		known.Rejoining[name] = ""
	}
	if len(known.Rejoining) > 0 {
		known.fill(c.Inventory, members)
		lesson.Known = known
	}
	return lesson, nil
}

func list(ctx context.Context, ask component.Ask, patience time.Duration) ([]cluster.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	env, err := ask.Env(ctx)
	if err != nil {
		return nil, err
	}
	return env.Members.List(ctx)
}

// removed are the etcd hosts whose data are of a member that the cluster no
// longer has, with the member's id: somebody removed it, or a run that was to
// take it out was cut off. Its etcd ends as soon as it starts, for good, so such
// data are worth nothing. The list of members is the quorum's.
//
// They are told from all other hosts whose etcd does not run by what the data
// themselves say: another member of this very cluster. A host whose etcd answers
// is never one of them, nor is any while a member says that it is of another
// cluster than the one recorded.
func removed(ctx context.Context, c *component.Cluster, ask component.Ask, members []cluster.Member) (map[string]string, []string) {
	hosts := map[string]string{}
	for _, h := range c.Inventory.With(inventory.RoleEtcd) {
		if id, no := noMember(c, h.Name, members); no {
			hosts[h.Name] = id
		}
	}
	if len(hosts) == 0 {
		return hosts, nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	answering, err := ask.EtcdIDs(ctx)
	answering = c.Identity.Current(answering)
	if err != nil || !allOfOurs(c, answering) {
		return map[string]string{}, nil
	}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		if _, answers := answering[name]; answers {
			warnings = append(warnings, fmt.Sprintf("etcd on host %s answers as member %s, which the etcd cluster does not list; it is left alone", name, hosts[name]))
			delete(hosts, name)
			continue
		}
		if c.Facts[name].Etcd.Cluster != c.Identity.EtcdClusterID {
			warnings = append(warnings, fmt.Sprintf("host %s has etcd data from before the restore: the data are set aside, and the host joins as a new member", name))
			continue
		}
		warnings = append(warnings, fmt.Sprintf("host %s has the etcd data of member %s, which was removed from the etcd cluster for good: the data are set aside, and the host joins as a new member", name, hosts[name]))
	}
	return hosts, warnings
}

// noMember reports whether a host's data are of a member of this cluster that
// is not among those listed.
func noMember(c *component.Cluster, host string, members []cluster.Member) (id string, no bool) {
	known, answered := c.Facts[host]
	if !answered || known.Etcd == nil || !HasData(c.Inventory, known) || len(members) == 0 {
		return "", false
	}
	id = known.Etcd.Member
	if c.Identity.Former(known.Etcd.Cluster) {
		return id, true // from before a restore
	}
	if known.Etcd.Cluster != c.Identity.EtcdClusterID {
		return "", false
	}
	return id, !slices.ContainsFunc(members, func(member cluster.Member) bool { return etcdmember.ID(member.ID) == id })
}

// allOfOurs reports whether members answer, and all say that they are of the
// cluster that the ledgers know.
func allOfOurs(c *component.Cluster, ids map[string]uint64) bool {
	for _, id := range ids {
		if strconv.FormatUint(id, 16) != c.Identity.EtcdClusterID {
			return false
		}
	}
	return len(ids) > 0
}

// gone is what to do when all data of etcd are lost.
func gone(c *component.Cluster, hosts []string) error {
	return fmt.Errorf("cannot continue: all etcd data of cluster %q are gone (looked for %s on %s). Nothing was changed; an empty etcd would lose every object of the cluster.\nPut the data folders back, or restore a backup: provision etcd restore FILE",
		c.Inventory.Cluster.Name, MemberDir(c.Inventory), strings.Join(hosts, ", "))
}
