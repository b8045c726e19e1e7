package history

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/inventory"
	"provision/provision/upgrade"
)

// Way is what the way back from one inventory to an earlier one has in it that
// its plan does not tell.
type Way struct {
	// Impossible says what keeps from going there, with what to do instead.
	Impossible []string `json:"impossible,omitempty"`
	// Notes are what will not be as it was, and what to look at.
	Notes []string `json:"notes,omitempty"`
}

// WayBack compares the inventory of today with that of a run; keyed makes digests
// as the record has them, nil when there is no key.
func WayBack(now, then *inventory.Inventory, r Run, keyed func(digest string) string) Way {
	var w Way
	w.versions(now.Cluster.Versions, then.Cluster.Versions)
	if now.Cluster.Name != then.Cluster.Name {
		w.Impossible = append(w.Impossible, fmt.Sprintf("the inventory of run %s is that of cluster %q, this one is %q", r.Short(), then.Cluster.Name, now.Cluster.Name))
	}
	if now.Network.Pods != then.Network.Pods || now.Network.Services != then.Network.Services {
		w.Impossible = append(w.Impossible, "the ranges of pods and services cannot change in a cluster")
	}
	w.hosts(now, then)
	w.given(now, r, keyed)
	return w
}

func (w *Way) versions(now, then inventory.Versions) {
	for _, family := range slices.Sorted(maps.Keys(now)) {
		a, errNow := upgrade.Parse(now[family])
		b, errThen := upgrade.Parse(then[family])
		what, refused := family, family == inventory.FamilyEtcd
		if family == inventory.FamilyKubernetes {
			what, refused = "Kubernetes", true
		}
		one := fmt.Sprintf("%s goes back from %s to %s", what, now[family], then[family])
		switch {
		case errNow != nil || errThen != nil || a.Compare(b) <= 0:
		case refused && (a.Major != b.Major || a.Minor != b.Minor):
			// What runs decides, and the plan knows that: the newer one may never have been installed.
			w.Notes = append(w.Notes, one+". If the newer minor release already runs, that is refused: write the old inventory out with --write, set the newer version there, and apply it")
		default:
			w.Notes = append(w.Notes, one+" and loses the fixes in between")
		}
	}
}

func (w *Way) hosts(now, then *inventory.Inventory) {
	var back, gone []string
	for _, h := range then.Hosts {
		if _, ok := now.Host(h.Name); !ok {
			back = append(back, h.Name)
		}
	}
	for _, h := range now.Hosts {
		if _, ok := then.Host(h.Name); !ok {
			gone = append(gone, h.Name)
		}
	}
	slices.Sort(back)
	slices.Sort(gone)
	if len(back) > 0 {
		w.Notes = append(w.Notes, fmt.Sprintf("%s return to the cluster as new members, if the machines exist and answer; their data do not return", strings.Join(back, ", ")))
	}
	if len(gone) > 0 {
		w.Notes = append(w.Notes, fmt.Sprintf("%s leave the cluster: they are drained and undone, and local data of their pods are lost", strings.Join(gone, ", ")))
	}
}

// given compares what gave values to variables then and now: values are not
// kept, so those of today count.
func (w *Way) given(now *inventory.Inventory, r Run, keyed func(digest string) string) {
	for _, name := range slices.Sorted(maps.Keys(r.VarFiles)) {
		digest, ok := now.Written.VarFiles[name]
		switch {
		case !ok:
			w.Notes = append(w.Notes, fmt.Sprintf("the run used variables from %s, which is not given now", name))
		case keyed != nil && r.VarFiles[name] != "" && keyed(digest.Reveal()) != r.VarFiles[name]:
			w.Notes = append(w.Notes, fmt.Sprintf("%s has changed since the run: variables get its present values", name))
		}
	}
}
