package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/facts"
	"provision/provision/kube"
)

// diagnosis collects findings.
type diagnosis struct {
	in     Input
	found  []Finding
	hosts  map[string]Host
	middle time.Duration // of the hosts' clocks
}

// Diagnose judges what is known. Findings that explain others come first.
func Diagnose(in Input) []Finding {
	in.Nodes = slices.SortedFunc(slices.Values(in.Nodes), func(a, b kube.NodeStatus) int { return strings.Compare(a.Name, b.Name) })
	d := &diagnosis{in: in, hosts: map[string]Host{}}
	var skews []time.Duration
	for _, h := range in.Hosts {
		d.hosts[h.Name] = h
		if h.Error == "" {
			skews = append(skews, h.Skew)
		}
	}
	d.middle = facts.Middle(skews)
	if in.Conflict != "" {
		d.add(Finding{Level: Problem, Host: ClusterHost, What: "identity", strong: true,
			Summary: "the hosts do not add up to one cluster", Cause: in.Conflict})
	}
	d.authorities()
	for _, h := range in.Hosts {
		d.host(h)
		if h.Error == "" && !h.New {
			d.units(h)
		}
	}
	if in.Founded {
		d.cluster()
	}
	d.explain()
	d.byHand()
	return d.sorted()
}

func (d *diagnosis) add(f Finding) {
	subject := cmp.Or(f.Unit, f.ID)
	f.ID = strings.Join(slices.DeleteFunc([]string{f.Host, subject, f.What}, func(s string) bool { return s == "" }), "/")
	d.found = append(d.found, f)
}

func apply(host string) []string { return []string{"apply", "--target", host} }

// problems are the findings of a host, of some of its units when any are given.
func (d *diagnosis) problems(host string, units ...string) []string {
	var ids []string
	for _, f := range d.found {
		if f.Level == Problem && f.Host == host && (len(units) == 0 || slices.Contains(units, f.Unit)) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// sorted puts causes before what follows from them.
func (d *diagnosis) sorted() []Finding {
	byID := map[string]int{}
	for i, f := range d.found {
		byID[f.ID] = i
	}
	depth := make([]int, len(d.found))
	var measure func(i, guard int) int
	measure = func(i, guard int) int {
		if depth[i] > 0 || guard > len(d.found) {
			return depth[i]
		}
		depth[i] = 1
		for _, id := range d.found[i].Because {
			if j, ok := byID[id]; ok && j != i {
				depth[i] = max(depth[i], 1+measure(j, guard+1))
			}
		}
		return depth[i]
	}
	order := make([]int, len(d.found))
	for i := range d.found {
		order[i] = i
		measure(i, 0)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := d.found[a], d.found[b]
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(depth[a], depth[b]), cmp.Compare(x.order, y.order), strings.Compare(x.ID, y.ID))
	})
	out := make([]Finding, 0, len(order))
	for _, i := range order {
		out = append(out, d.found[i])
	}
	return out
}

func rank(f Finding) int {
	if f.Level == Problem {
		return 0
	}
	return 1
}

// Healthy reports whether nothing is wrong.
func Healthy(found []Finding) bool {
	return !slices.ContainsFunc(found, func(f Finding) bool { return f.Level == Problem })
}

// count is "1 of 3 hosts".
func count(n, all int, what string) string { return fmt.Sprintf("%d of %d %s", n, all, what) }
