package identity

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/pki"
)

// Decision is what the hosts' ledgers add up to.
type Decision struct {
	// Identity is nil when the cluster is new: its birth comes first.
	Identity *facts.Identity
	// Joins are the hosts that lack the identity or items of it.
	Joins map[string][]string
	// Holders are, by item, the hosts that have it, sorted.
	Holders map[string][]string
	// Commit are hosts with the first phase of a birth that others committed.
	Commit []string
	// Discard are hosts with the first phase of a birth that was interrupted
	// before any host committed; nothing ever used it.
	Discard []string
}

// ErrForeign is in the chain of refusals of hosts that are not, or not all, of
// the inventory's cluster: nothing more is asked of them.
var ErrForeign = errors.New("wrong cluster")

// foreign is such a refusal; its text says it all.
type foreign struct{ error }

// Is implements errors.Is.
func (foreign) Is(target error) bool { return target == ErrForeign }

// Items are the private items that a host with these roles holds. The public
// ones (certificates, public keys) are part of the identity that every host has.
func Items(host inventory.Host) []string {
	var items []string
	if host.Has(inventory.RoleMaster) {
		items = append(items, system.ClusterKey, system.FrontProxyKey, system.ServiceKey, system.Encryption)
	}
	if host.Has(inventory.RoleEtcd) {
		items = append(items, system.EtcdKey)
	}
	return items
}

// Decide refuses with an error that names hosts and clusters when the
// inventory's hosts do not add up to one cluster of the inventory's name.
func Decide(inv *inventory.Inventory, owned map[string]facts.Owned) (Decision, error) {
	if err := oneCluster(inv, owned); err != nil {
		return Decision{}, err
	}
	d := Decision{Joins: map[string][]string{}, Holders: map[string][]string{}}
	d.Identity = told(inv, owned)
	if err := agree(inv, owned, d.Identity); err != nil {
		return d, err
	}
	if d.Identity == nil {
		if silent := silentKeepers(inv, owned); len(silent) > 0 {
			return d, fmt.Errorf("cannot create cluster %q: %s did not answer and may already belong to it; a new cluster needs every master and etcd host to answer. Bring the hosts up, or remove them from the inventory",
				inv.Cluster.Name, strings.Join(silent, ", "))
		}
	}
	for _, host := range inv.Hosts {
		known, answered := owned[host.Name]
		if answered {
			d.host(host, known)
		}
	}
	return d, nil
}

// Of is the identity that the hosts have or were about to get; nil when none
// has any. It refuses, as Decide does, hosts of other clusters.
func Of(inv *inventory.Inventory, owned map[string]facts.Owned) (*facts.Identity, error) {
	if err := oneCluster(inv, owned); err != nil {
		return nil, err
	}
	if known := told(inv, owned); known != nil {
		return known, nil
	}
	for _, host := range inv.Hosts {
		if pending := owned[host.Name].Pending; pending != nil {
			return pending, nil
		}
	}
	return nil, nil //nolint:nilnil // no cluster was ever born
}

// told is the identity that the keepers tell; the word of another host counts
// only while no keeper has committed. One that knows etcd's id knows most.
func told(inv *inventory.Inventory, owned map[string]facts.Owned) *facts.Identity {
	var best *facts.Identity
	for _, keepers := range []bool{true, false} {
		for _, host := range inv.Hosts {
			known := owned[host.Name].Identity
			if host.Keeper() == keepers && known != nil && (best == nil || keepers && knowsMore(known, best)) {
				best = known
			}
		}
	}
	return latest(best, inv, owned)
}

// latest is the identity with the latest certificate of each authority that any
// host knows: a renewal may have been interrupted. They prove themselves.
func latest(known *facts.Identity, inv *inventory.Inventory, owned map[string]facts.Owned) *facts.Identity {
	if known == nil {
		return nil
	}
	out := *known
	out.CAs = maps.Clone(known.CAs)
	for _, host := range inv.Hosts {
		other := owned[host.Name].Identity
		if other == nil {
			continue
		}
		for name, certificate := range other.CAs {
			if pki.Succeeds(out.CAs[name], certificate) {
				out.CAs[name] = certificate
			}
		}
	}
	return &out
}

// knowsMore compares what two keepers know.
func knowsMore(known, best *facts.Identity) bool {
	if known.Generation != best.Generation {
		return known.Generation > best.Generation
	}
	return best.EtcdClusterID == ""
}

// behind reports whether a host knows an older certificate of an authority, or
// was not told of a rotation.
func (d *Decision) behind(known *facts.Identity) bool {
	if d.Identity != nil && d.Identity.Generation != known.Generation {
		return true
	}
	for name, certificate := range known.CAs {
		if d.Identity != nil && d.Identity.CAs[name] != certificate {
			return true
		}
	}
	return false
}

// agree refuses a host that knows other authorities for the same cluster: its
// word would decide whom the operator trusts.
func agree(inv *inventory.Inventory, owned map[string]facts.Owned, told *facts.Identity) error {
	for _, host := range inv.Hosts {
		known := owned[host.Name].Identity
		if known == nil || known.Generation < told.Generation {
			continue // it is told what was rotated since
		}
		for name, certificate := range known.CAs {
			if want, ok := told.CAs[name]; ok && want != certificate && !pki.Succeeds(certificate, want) {
				return fmt.Errorf("cannot continue: host %s has another certificate authority %q for cluster %q than the masters. Nothing was changed. Its ledger was damaged or tampered with: remove the host from the inventory and investigate it",
					host.Name, name, inv.Cluster.Name)
			}
		}
	}
	return nil
}

func (d *Decision) host(host inventory.Host, known facts.Owned) {
	if known.Identity == nil && known.Pending != nil && d.Identity == nil {
		d.Discard = append(d.Discard, host.Name)
	}
	if d.halfway(known) {
		// It has the items although it has not committed: perhaps nobody else does.
		d.holds(host, known.Pending.Holds)
		d.Commit = append(d.Commit, host.Name)
	}
	has := map[string]bool{}
	if known.Identity != nil {
		for _, item := range known.Identity.Holds {
			has[item] = true
		}
		if d.Identity == nil || d.Identity.Generation == known.Identity.Generation {
			d.holds(host, known.Identity.Holds)
		}
	}
	var lacks []string
	for _, item := range Items(host) {
		if !has[item] {
			lacks = append(lacks, item)
		}
	}
	// One that was cut off while it was told more is told again.
	if known.Identity == nil || len(lacks) > 0 || known.Unsettled || d.behind(known.Identity) {
		d.Joins[host.Name] = lacks
	}
}

// holds counts the items that the host's roles give it; a worker that claims to
// hold a key is not asked to sign.
func (d *Decision) holds(host inventory.Host, items []string) {
	for _, item := range items {
		if slices.Contains(Items(host), item) {
			d.Holders[item] = append(d.Holders[item], host.Name)
		}
	}
}

// halfway reports that the host was cut off between the two phases of the birth
// of this cluster.
func (d *Decision) halfway(known facts.Owned) bool {
	return d.Identity != nil && known.Identity == nil && known.Pending != nil && known.Pending.UUID == d.Identity.UUID &&
		known.Pending.Generation == d.Identity.Generation
}

// oneCluster refuses hosts of several clusters, or of one with another name.
func oneCluster(inv *inventory.Inventory, owned map[string]facts.Owned) error {
	members := map[string][]string{}
	names := map[string]string{}
	for _, host := range inv.Hosts {
		if id := belongs(inv, owned[host.Name]); id != nil {
			members[id.UUID] = append(members[id.UUID], host.Name)
			names[id.UUID] = id.Cluster
		}
	}
	var lines []string
	for uuid, hosts := range members {
		if names[uuid] != inv.Cluster.Name || len(members) > 1 {
			lines = append(lines, fmt.Sprintf("%s: cluster %q (%s)", strings.Join(hosts, ", "), names[uuid], uuid))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	sort.Strings(lines)
	what := "hosts belong elsewhere"
	if len(members) > 1 {
		what = "its hosts belong to more than one"
	}
	return foreign{fmt.Errorf("cannot continue: the inventory describes cluster %q, but %s:\n  %s\nNothing was changed. Check the inventory file, its variables and addresses. To move a host between clusters, remove it from the other one first",
		inv.Cluster.Name, what, strings.Join(lines, "\n  "))}
}

// belongs is the cluster that a host belongs to. The first phase of the birth of
// a cluster of another name counts: its other hosts may have come further, and
// nothing of it may be dropped here.
func belongs(inv *inventory.Inventory, known facts.Owned) *facts.Identity {
	if known.Identity == nil && known.Pending != nil && known.Pending.Cluster != inv.Cluster.Name {
		return known.Pending
	}
	return known.Identity
}

// Unconfirmed are the hosts that belong to the cluster while no master or etcd
// host that answered knows of it: nobody can tell who its members are. Nil when
// one does, or when there is no cluster yet.
func Unconfirmed(inv *inventory.Inventory, owned map[string]facts.Owned) []string {
	var members []string
	for _, host := range inv.Hosts {
		known := owned[host.Name]
		switch {
		case host.Keeper() && (known.Identity != nil || known.Pending != nil):
			return nil
		case known.Identity != nil:
			members = append(members, host.Name)
		}
	}
	return members
}

// silentKeepers are the masters and etcd hosts that did not answer.
func silentKeepers(inv *inventory.Inventory, owned map[string]facts.Owned) []string {
	var silent []string
	for _, host := range inv.Hosts {
		if _, answered := owned[host.Name]; !answered && (host.Has(inventory.RoleMaster) || host.Has(inventory.RoleEtcd)) {
			silent = append(silent, host.Name)
		}
	}
	return silent
}
