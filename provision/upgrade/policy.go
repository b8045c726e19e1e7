package upgrade

import (
	"fmt"
	"slices"
)

// The programs that rules are about.
const (
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	Etcd              = "etcd"
)

// Programs are all of them, in the order in which they are upgraded.
func Programs() []string {
	return []string{Etcd, APIServer, ControllerManager, Scheduler, Kubelet, Proxy}
}

// Host is a host and the versions of its programs. Those that it lacks, or whose
// version nobody knows, are missing.
type Host struct {
	Name     string
	Programs map[string]Version
}

// behind is how many minor releases a program may be older than API servers.
func behind(program string) int {
	if program == Kubelet || program == Proxy {
		return 3
	}
	return 1
}

// Check says why the programs of the hosts may not be changed so: what would
// run together on the way or in the end and must not, and what cannot be taken
// back. What is wrong already, and does not get worse, is not held against a
// change. Both lists have the same hosts in the same order.
func Check(before, after []Host) []error {
	var bad []error
	for i, h := range before {
		for _, program := range Programs() {
			was, is := h.Programs[program], after[i].Programs[program]
			if was.Known() && is.Known() && was != is {
				if err := move(h.Name, program, was, is); err != nil {
					bad = append(bad, err)
				}
			}
		}
	}
	if len(bad) > 0 {
		return bad // what would run together then does not matter
	}
	known := map[string]bool{}
	for _, err := range skew(before, before) {
		known[err.Error()] = true
	}
	// API servers are done first, all else meets the new ones.
	for _, nodes := range [][]Host{before, after} {
		for _, err := range skew(after, nodes) {
			if !known[err.Error()] {
				known[err.Error()] = true
				bad = append(bad, err)
			}
		}
	}
	return append(bad, spread(before, after)...)
}

// move judges the way of one program.
func move(host, program string, was, is Version) error {
	from := fmt.Sprintf("cannot change %s of %s from %s to %s", program, host, was, is)
	by := is.ahead(was)
	switch {
	case program == Kubelet || program == Proxy || by == 0:
		return nil // judged by what it meets
	case by < 0 && program == Etcd:
		return fmt.Errorf("%s: etcd does not start on data of a newer minor release; set versions { etcd = %q } back, or restore the snapshot from before the upgrade, in /var/lib/provision/snapshots on two etcd hosts (see \"Upgrade\" and \"Disaster\" in docs/operations.md)", from, was.String())
	case by < 0:
		return fmt.Errorf("%s: Kubernetes cannot downgrade a control plane to an older minor release, which may not read stored objects; set version = %q. Nodes can go back: add versions { kubelet = %q }", from, was.String(), is)
	case by > 1:
		return fmt.Errorf("%s: it skips %d minor releases; upgrade one at a time: set the newest %d.%d first", from, by-1, was.Major, was.Minor+1)
	case program == Etcd && was.Line() == "3.5" && was.Patch < 26:
		return fmt.Errorf("%s: members older than 3.5.26 may fail to come up as 3.6; set versions { etcd = \"3.5.26\" } first", from)
	}
	return nil
}

// skew compares what meets API servers with them: controller manager and
// scheduler talk to that of their own host, all else to any.
func skew(servers, nodes []Host) []error {
	all := versions(APIServer, servers)
	if len(all) == 0 {
		return nil
	}
	oldest, latest := all[0], all[len(all)-1]
	var bad []error
	for _, h := range nodes {
		for _, program := range Programs()[2:] {
			v := h.Programs[program]
			if !v.Known() {
				continue
			}
			low, high := oldest, latest
			if program == ControllerManager || program == Scheduler {
				own := find(servers, h.Name)[APIServer]
				if !own.Known() {
					continue
				}
				low, high = own, own
			}
			if v.ahead(low) > 0 {
				bad = append(bad, fmt.Errorf("%s %s of %s would be newer than an API server of version %s; upgrade the API servers first, with the same version for all", program, v, h.Name, low))
			}
			if high.ahead(v) > behind(program) {
				bad = append(bad, fmt.Errorf("%s %s of %s would be %d minor releases older than an API server of version %s; at most %d are supported: upgrade that host first, or remove it", program, v, h.Name, high.ahead(v), high, behind(program)))
			}
		}
	}
	return bad
}

// spread is the rule for API servers, and for etcd's members, among each other,
// while those that were and those that will be run together.
func spread(before, after []Host) []error {
	var bad []error
	for _, program := range []string{APIServer, Etcd} {
		is := versions(program, after)
		all := slices.Concat(versions(program, before), is)
		if len(is) == 0 {
			continue
		}
		slices.SortFunc(all, Version.Compare)
		first, last := all[0], all[len(all)-1]
		was := versions(program, before)
		same := len(was) > 0 && was[0] == first && was[len(was)-1] == last && slices.Equal(was, is)
		if last.ahead(first) > 1 && !same {
			bad = append(bad, fmt.Errorf("%s %s and %s would run at the same time and must be within one minor release; bring all hosts to the newest %d.%d first", program, first, last, first.Major, first.Minor+1))
		}
	}
	return bad
}

// versions are those of a program, sorted.
func versions(program string, hosts []Host) []Version {
	var list []Version
	for _, h := range hosts {
		if v := h.Programs[program]; v.Known() {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, Version.Compare)
	return list
}

func find(hosts []Host, name string) map[string]Version {
	for _, h := range hosts {
		if h.Name == name {
			return h.Programs
		}
	}
	return nil
}
