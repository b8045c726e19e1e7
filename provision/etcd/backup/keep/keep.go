package keep

import (
	"fmt"
	"slices"
	"time"

	"provision/provision/etcd/backup"
)

// Policy is how many backups stay: the newest Last, and the newest one of each
// of the last so many hours, days, weeks (ISO, from Monday) and months that have
// one. All in UTC.
type Policy struct {
	Last    int `json:"last"`
	Hourly  int `json:"hourly"`
	Daily   int `json:"daily"`
	Weekly  int `json:"weekly"`
	Monthly int `json:"monthly"`
}

// Object is an object of a target, with its manifest where it is one that can be
// read.
type Object struct {
	Name     string // below the target's root
	Modified time.Time
	Manifest *backup.Manifest
}

// Input is all that is known of one target.
type Input struct {
	Cluster string // UUID: objects of others are never touched
	Objects []Object
	Policy  Policy
	Now     time.Time
	// Unreadable is set when something of this cluster could not be read: an
	// escrow object may belong to it.
	Unreadable bool
}

// Orphaned is for how long an object without manifest stays: its upload may be
// under way, on a host whose clock is wrong.
const Orphaned = 48 * time.Hour

// Shown is for how long a backup that does not count stays, so that somebody sees
// it.
const Shown = 7 * 24 * time.Hour

// Decision is what goes, by name in order, and why nothing does.
type Decision struct {
	Delete []string
	Held   string // reason why nothing is deleted at all; "" when something may be
}

// Decide says what may be deleted of a target. Never the newest verified backup;
// nothing at all while the newest backup does not count.
func Decide(in Input) Decision {
	backups := in.backups()
	newest := slices.IndexFunc(backups, func(b *backup.Manifest) bool { return b.Good() })
	switch {
	case len(backups) == 0:
		return Decision{Held: "there is no backup"}
	case newest < 0:
		return Decision{Held: "no backup here is verified"}
	case backups[newest].Slot.Before(backups[0].Slot):
		return Decision{Held: fmt.Sprintf("the newest, %s, is not verified", backups[0].Name())}
	}
	kept := in.Policy.keep(backups)
	kept[backups[newest].Name()] = true
	needed := map[backup.Escrow]bool{}
	for _, b := range backups {
		if !b.Good() && in.Now.Sub(b.Slot) < Shown {
			kept[b.Name()] = true
		}
		if kept[b.Name()] {
			for _, e := range b.Escrow {
				needed[e] = true
			}
		}
	}
	has := map[backup.Name]bool{}
	for _, b := range backups {
		has[b.Name()] = true
	}
	var d Decision
	for _, o := range in.Objects {
		what := backup.ParseObject(o.Name)
		if what.Cluster != in.Cluster {
			continue
		}
		old := in.Now.Sub(o.Modified) > Orphaned
		switch what.Kind {
		case backup.SnapshotKind:
			if has[what.Name] && !kept[what.Name] || !has[what.Name] && old && !in.Unreadable {
				d.Delete = append(d.Delete, o.Name)
			}
		case backup.ManifestKind:
			if has[what.Name] && !kept[what.Name] {
				d.Delete = append(d.Delete, o.Name)
			}
		case backup.EscrowKind:
			if !needed[what.Escrow] && old && !in.Unreadable {
				d.Delete = append(d.Delete, o.Name)
			}
		case backup.Foreign:
		}
	}
	slices.SortFunc(d.Delete, manifestsFirst)
	return d
}

// manifestsFirst: a backup whose deletion is cut off half-way is no backup, not
// one without content.
func manifestsFirst(a, b string) int {
	rank := func(name string) int {
		switch backup.ParseObject(name).Kind {
		case backup.ManifestKind:
			return 0
		case backup.SnapshotKind:
			return 1
		default:
			return 2
		}
	}
	if ra, rb := rank(a), rank(b); ra != rb {
		return ra - rb
	}
	return compare(a, b)
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// backups are the manifests of the cluster, the newest first. One of the future
// counts as any other: a wrong clock must not make the others look superfluous.
func (in Input) backups() []*backup.Manifest {
	var list []*backup.Manifest
	for _, o := range in.Objects {
		what := backup.ParseObject(o.Name)
		if what.Kind == backup.ManifestKind && what.Cluster == in.Cluster && o.Manifest != nil && o.Manifest.Cluster == in.Cluster && o.Manifest.Name() == what.Name {
			list = append(list, o.Manifest)
		}
	}
	slices.SortFunc(list, func(a, b *backup.Manifest) int { return compare(b.Name().String(), a.Name().String()) })
	return list
}

// keep are the names that the policy keeps. Only backups that count fill its
// places; of a slot that has several, the newest does.
func (p Policy) keep(backups []*backup.Manifest) map[backup.Name]bool {
	kept := map[backup.Name]bool{}
	rules := []struct {
		count  int
		period func(time.Time) string
	}{
		{max(p.Last, 1), func(t time.Time) string { return t.Format(time.RFC3339) }},
		{p.Hourly, func(t time.Time) string { return t.Format("2006-01-02T15") }},
		{p.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{p.Weekly, func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, "-", w) }},
		{p.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
	}
	for _, rule := range rules {
		seen := map[string]bool{}
		for _, b := range backups {
			period := rule.period(b.Slot.UTC())
			if b.Good() && !seen[period] && len(seen) < rule.count {
				seen[period] = true
				kept[b.Name()] = true
			}
		}
	}
	return kept
}
