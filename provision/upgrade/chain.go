package upgrade

import (
	"errors"
	"fmt"
	"slices"
)

// Hop is what a cluster runs after one leg of its way. Kubelet is "" where the
// Nodes get the version of the API servers.
type Hop struct {
	Kubernetes string `json:"kubernetes"`
	Etcd       string `json:"etcd"`
	Kubelet    string `json:"kubelet,omitempty"`
}

// Nodes is the version of kubelet and kube-proxy.
func (h Hop) Nodes() string {
	if h.Kubelet != "" {
		return h.Kubelet
	}
	return h.Kubernetes
}

// Known are versions that could be installed, by program.
type Known map[string][]Version

// Chain are the hops from what the hosts run to what is wanted, at least one:
// the last is what is wanted. Nothing but what runs tells how far the way is
// gone. unfinished: hosts still have to restart something into what is
// installed. via are the patch releases to go by; for others the newest known
// is taken. Several lines that nobody knows a release of are one error.
func Chain(hosts []Host, unfinished bool, want Hop, via []string, known Known) ([]Hop, error) {
	stops, err := parseAll(via)
	if err != nil {
		return nil, err
	}
	servers, errServers := way(leg{program: APIServer, nodes: want.Kubelet == ""}, hosts, unfinished, want.Kubernetes, stops, known)
	members, errMembers := way(leg{program: Etcd}, hosts, unfinished, want.Etcd, stops, known)
	if err := errors.Join(errServers, errMembers); err != nil {
		return nil, err
	}
	var hops []Hop
	at := func(list []Version, i int) string { return list[min(i, len(list)-1)].String() }
	for i := range max(len(servers), len(members)) {
		hop := Hop{Kubernetes: at(servers, i), Etcd: at(members, i)}
		hop.Kubelet = pinned(want.Kubelet, servers[min(i, len(servers)-1)])
		hops = append(hops, hop)
	}
	hops[len(hops)-1] = want // as it is written
	return hops, nil
}

// pinned is the kubelet's version on a hop: the wanted one once API servers are
// not older.
func pinned(kubelet string, server Version) string {
	if v, err := Parse(kubelet); err == nil && v.Compare(server) <= 0 {
		return kubelet
	}
	return ""
}

// leg is a program that takes one minor release at a time.
type leg struct {
	program string
	nodes   bool // Nodes go along
}

func way(l leg, hosts []Host, unfinished bool, want string, via []Version, known Known) ([]Version, error) {
	target, err := Parse(want)
	if err != nil {
		return nil, err
	}
	run := versions(l.program, hosts)
	if len(run) == 0 {
		return []Version{target}, nil
	}
	oldest, latest := run[0], run[len(run)-1]
	if target.ahead(latest) <= 0 {
		return []Version{target}, nil
	}
	var list []Version
	if unfinished || oldest.Line() != latest.Line() || l.nodes && lags(hosts, latest) {
		list = append(list, latest) // first complete what was begun
	}
	var missing []error
	for minor := latest.Minor + 1; minor < target.Minor && target.Major == latest.Major; minor++ {
		stop := choose(latest.Major, minor, via, known[l.program])
		if !stop.Known() {
			line := fmt.Sprintf("%d.%d", latest.Major, minor)
			missing = append(missing, fmt.Errorf("cannot go from %s %s to %s: minor releases are taken one at a time, and the store has none of %s; name one, as in versions { via = [%q] }, and run: provision bundle pull",
				l.program, latest, target, line, line+".0"))
			continue
		}
		list = append(list, stop)
	}
	return append(list, target), errors.Join(missing...)
}

// lags reports whether a Node is of an older minor release than the API servers.
func lags(hosts []Host, servers Version) bool {
	for _, program := range []string{Kubelet, Proxy} {
		if run := versions(program, hosts); len(run) > 0 && servers.ahead(run[0]) > 0 {
			return true
		}
	}
	return false
}

// choose is the release of a line to go by: a named one, or the newest that is
// known. Releases that are not final are taken only by name.
func choose(major, minor int, via, known []Version) Version {
	of := func(v Version) bool { return v.Major == major && v.Minor == minor }
	if i := slices.IndexFunc(via, of); i >= 0 {
		return via[i]
	}
	var best Version
	for _, v := range known {
		if of(v) && v.Pre == "" && (!best.Known() || v.Compare(best) > 0) {
			best = v
		}
	}
	return best
}

func parseAll(texts []string) ([]Version, error) {
	var list []Version
	for _, text := range texts {
		v, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("reading versions.via: %w", err)
		}
		list = append(list, v)
	}
	return list, nil
}
