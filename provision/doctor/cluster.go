package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"provision/provision/etcd"
	"provision/provision/kube"
	"provision/provision/resource/etcdmember"
)

// cluster judges etcd, the API and the Nodes.
func (d *diagnosis) cluster() {
	d.memberships()
	d.etcd()
	d.api()
	d.nodes()
	d.routes()
}

// broken are the hosts of a role whose unit does not do its work.
func (d *diagnosis) broken(unit string, pick func(Host) bool) (broken []Host, all int) {
	for _, h := range d.in.Hosts {
		if !pick(h) {
			continue
		}
		all++
		if h.Error != "" || h.New || d.stands(h, unit) {
			broken = append(broken, h)
		}
	}
	return broken, all
}

// stands reports whether a unit of the host does not run or is not ready.
func (d *diagnosis) stands(h Host, unit string) bool {
	return slices.ContainsFunc(d.found, func(f Finding) bool {
		switch f.What {
		case "masked", "missing", "failed", "restarting", "starting", "stopped", "not-ready", "silent":
			return f.Host == h.Name && f.Unit == unit
		}
		return false
	})
}

// whom says which hosts and why.
func (d *diagnosis) whom(hosts []Host, unit string) string {
	var texts []string
	for _, h := range hosts {
		why := "does not answer"
		if h.Error == "" {
			why = strings.TrimSuffix(unit, ".service") + " does not work"
		}
		texts = append(texts, h.Name+" ("+why+")")
	}
	return strings.Join(texts, ", ")
}

func (d *diagnosis) causes(hosts []Host, unit string) []string {
	var ids []string
	for _, h := range hosts {
		if h.Error != "" || h.New {
			ids = append(ids, d.problems(h.Name)...)
			continue
		}
		ids = append(ids, d.problems(h.Name, unit)...)
	}
	return ids
}

func targets(hosts []Host) []string {
	argv := []string{"apply"}
	for _, h := range hosts {
		argv = append(argv, "--target", h.Name)
	}
	return argv
}

const quorumID = ClusterHost + "/etcd-quorum"

func (d *diagnosis) etcd() {
	broken, all := d.broken(d.in.Member, func(h Host) bool { return h.Etcd })
	if all > 0 && 2*(all-len(broken)) <= all {
		d.add(Finding{Level: Problem, Host: ClusterHost, What: "etcd-quorum", order: clusterOrder,
			Summary: fmt.Sprintf("etcd has no quorum: %s work, %d are needed; missing are %s", count(all-len(broken), all, "members"), all/2+1, d.whom(broken, d.in.Member)),
			Because: d.causes(broken, d.in.Member), Fix: targets(broken)})
		return
	}
	if d.in.EtcdError != "" && len(broken) == 0 {
		d.add(Finding{Level: Problem, Host: ClusterHost, What: "etcd-quorum", order: clusterOrder,
			Summary: "etcd cannot be asked, although its services run", Cause: firstLine(d.in.EtcdError), Fix: []string{"apply"}})
	}
	for _, m := range d.in.Etcd {
		d.member(m)
	}
	for i, text := range d.in.Backups {
		d.add(Finding{Level: Problem, Host: ClusterHost, What: "etcd-backup", ID: strconv.Itoa(i + 1), order: clusterOrder, Summary: text, Fix: []string{"etcd", "backup"}})
	}
}

// lagging is how many entries a member may be behind the others.
const lagging = 5000

func (d *diagnosis) member(m etcd.MemberStatus) {
	host := d.hostOf(m)
	name := cmp.Or(m.Name, host, etcdmember.ID(m.ID))
	f := Finding{Level: Problem, Host: ClusterHost, What: "etcd-member", ID: name, order: clusterOrder, Fix: apply(name)}
	switch {
	case len(m.Alarms) > 0:
		f.Summary = fmt.Sprintf("etcd member %s raises the alarm %s", name, strings.Join(m.Alarms, ", "))
		f.strong = true
		if why, ok := read([]string{"alarm:" + strings.Join(m.Alarms, " alarm:")}); ok {
			f.Cause, f.First = why.text, why.first
		}
	case !m.Healthy:
		f.Summary = fmt.Sprintf("etcd member %s is not healthy: %s", name, firstLine(m.Reason))
		if h, known := d.hosts[host]; known {
			f.Because = append(d.causes([]Host{h}, d.in.Member), d.strays(host)...)
		} else {
			f.Cause, f.Fix = "no host of the inventory has it", nil
		}
	case m.Lag > lagging:
		f.Level, f.order = Note, noteOrder
		f.Summary = fmt.Sprintf("etcd member %s is %d entries behind the leader", name, m.Lag)
	case m.Learner:
		f.Level, f.order = Note, noteOrder
		f.Summary = fmt.Sprintf("etcd member %s is a learner: it has not become a voter yet", name)
	default:
		return
	}
	d.add(f)
}

const apiID = ClusterHost + "/api"

func (d *diagnosis) api() {
	broken, all := d.broken(d.in.API, func(h Host) bool { return h.Master })
	if d.in.APIError == "" && (len(broken) < all || all == 0) {
		return
	}
	f := Finding{Level: Problem, Host: ClusterHost, What: "api", order: clusterOrder + 1, Fix: []string{"apply"}, Cause: firstLine(d.in.APIError),
		Summary: fmt.Sprintf("the Kubernetes API cannot be used: %s work", count(all-len(broken), all, "API servers"))}
	if len(broken) > 0 {
		f.Summary += "; missing are " + d.whom(broken, d.in.API)
		f.Because, f.Fix = d.causes(broken, d.in.API), targets(broken)
	}
	d.add(f)
}

func (d *diagnosis) nodes() {
	if d.in.APIError != "" {
		return
	}
	known := map[string]bool{}
	for _, n := range d.in.Nodes {
		known[n.Name] = true
		if n.Deleting != "" {
			d.deleting(n)
			continue
		}
		if !d.ours(n.Name) {
			d.foreign(n)
			continue
		}
		if n.Unschedulable {
			d.add(Finding{Level: Note, Host: n.Name, What: "cordoned", order: noteOrder, Fix: []string{"node", "uncordon", n.Name},
				Summary: "its Node is cordoned: no new pods come to it", Cause: "somebody drained, cordoned or isolated it, or a rollout stopped there"})
		}
		if n.Ready {
			continue
		}
		f := Finding{Level: Problem, Host: n.Name, What: "node-not-ready", order: nodeOrder, Fix: apply(n.Name),
			Summary: "its Node is not Ready: " + firstLine(n.Reason), Because: d.problems(n.Name)}
		d.add(f)
	}
	for _, h := range d.in.Hosts {
		if h.Joins && h.Error == "" && !h.New && !known[h.Name] {
			d.add(Finding{Level: Problem, Host: h.Name, What: "node-missing", order: nodeOrder, Fix: apply(h.Name),
				Summary: "has no Node in the cluster", Because: d.problems(h.Name)})
		}
	}
}

// ours reports whether a Node is that of a host, also of one that leaves.
func (d *diagnosis) ours(name string) bool {
	return slices.Contains(d.in.Leaving, name) || slices.ContainsFunc(d.in.Hosts, func(h Host) bool { return h.Name == name })
}

// deleting is a Node that somebody deleted and something holds.
func (d *diagnosis) deleting(n kube.NodeStatus) {
	f := Finding{Level: Problem, Host: n.Name, What: "node-deleting", order: nodeOrder, Summary: "its Node is " + n.Held(),
		Cause: "somebody deleted it, and what set the finalizer has not let it go"}
	if len(n.Finalizers) > 0 {
		f.First = "let the program that set the finalizer finish, or if that is gone: kubectl patch node " + n.Name + ` --type merge -p '{"metadata":{"finalizers":null}}'`
	}
	d.place(f)
}

// foreign is a Node that is no host's: nobody removes it but who put it there.
func (d *diagnosis) foreign(n kube.NodeStatus) {
	f := Finding{Level: Note, Host: n.Name, What: "node-foreign", order: noteOrder, Summary: "is a Node of no host in the inventory, " + n.Condition(),
		Cause: "it was left behind, or somebody joined it by hand",
		First: "take the host into the inventory, or remove the Node: kubectl delete node " + n.Name}
	if !n.Ready {
		f.Level, f.order = Problem, nodeOrder
	}
	d.place(f)
}

// place adds a finding of a Node: where no host has its name, it is the cluster's.
func (d *diagnosis) place(f Finding) {
	if !d.ours(f.Host) {
		f.ID = f.Host
		f.Summary, f.Host = "Node "+f.Host+" "+strings.Replace(f.Summary, "its Node is", "is", 1), ClusterHost
	} else if f.What == "node-deleting" {
		f.Fix = apply(f.Host)
	}
	d.add(f)
}

// byHand takes back the commands for what only follows from what no apply
// fixes: a host that is cut off, a program that hangs.
func (d *diagnosis) byHand() {
	what := map[string]string{}
	for _, f := range d.found {
		what[f.ID] = f.What
	}
	for i := range d.found {
		f := &d.found[i]
		hangs, cut := 0, false
		for _, id := range f.Because {
			cut = cut || what[id] == "no-api"
			if what[id] == "silent" {
				hangs++
			}
		}
		if f.What != "stopped" && len(f.Because) > 0 && (cut || hangs == len(f.Because)) {
			f.Fix = nil
		}
	}
}

// explain says what services that have no cause of their own probably wait for:
// the units that they need on the same host, etcd for an API server, the API
// for the others.
func (d *diagnosis) explain() {
	for i := range d.found {
		f := &d.found[i]
		if f.Unit == "" || f.strong || f.Level != Problem || len(f.Because) > 0 {
			continue
		}
		f.Because = d.problems(f.Host, d.needs(f.Host, f.Unit)...)
		f.Because = append(f.Because, d.hostTroubles(f.Host)...)
		switch {
		case f.Unit == d.in.API && d.has(quorumID):
			f.Because = append(f.Because, quorumID)
		case f.Unit == d.in.Member && d.has(quorumID):
			f.Because = append(f.Because, d.others(f)...)
		case f.Unit != d.in.API && f.Unit != d.in.Member && d.has(apiID):
			f.Because = append(f.Because, apiID)
		}
		if len(f.Because) > 0 && f.Cause == "" {
			f.Cause = "it waits for what it needs"
		}
	}
}

// others are the findings of the same unit on other hosts that have a cause of
// their own: a member without a quorum is not what ended the quorum.
func (d *diagnosis) others(f *Finding) []string {
	var ids []string
	for _, o := range d.found {
		if o.Host != f.Host && (o.Unit == f.Unit && o.strong || o.What == "unreachable" && d.hosts[o.Host].Etcd) {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// hostTroubles are what a host has that may stop any service.
func (d *diagnosis) hostTroubles(host string) []string {
	var ids []string
	for _, f := range d.found {
		switch f.What {
		case "disk-full", "read-only", "memory", "clock", "swap", "no-api":
			if f.Host == host && f.Level == Problem {
				ids = append(ids, f.ID)
			}
		}
	}
	return ids
}

func (d *diagnosis) has(id string) bool {
	return slices.ContainsFunc(d.found, func(f Finding) bool { return f.ID == id })
}

// needs are the units of the same host that a unit needs, directly or not. An
// empty answer names a unit that nobody has.
func (d *diagnosis) needs(host, unit string) []string {
	needs := []string{"-"}
	for at := []string{unit}; len(at) > 0; at = at[1:] {
		for _, w := range d.hosts[host].Wants {
			if w.Unit != at[0] {
				continue
			}
			for _, n := range w.Needs {
				if !slices.Contains(needs, n) && n != unit {
					needs, at = append(needs, n), append(at, n)
				}
			}
		}
	}
	return needs
}
