package history

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kept is what one host has.
type Kept struct {
	Sizes map[string]int64
	Runs  map[string][]byte // the records of runs by name
}

// Log is what all hosts have together.
type Log struct {
	Runs []Run // newest first
	// Damaged says which records were passed over, and why.
	Damaged []string
	newer   bool // one of them is a newer provision's
	// Has are the hosts that have a record, by its name.
	Has map[string][]string
}

// Merge puts together what hosts kept. Of a run, the record that tells its end
// counts: whoever missed the end has only its beginning.
func Merge(kept map[string]Kept) Log {
	log := Log{Has: map[string][]string{}}
	runs := map[string]Run{}
	for _, host := range slices.Sorted(maps.Keys(kept)) {
		for _, name := range slices.Sorted(maps.Keys(kept[host].Runs)) {
			r, err := DecodeRun(name, kept[host].Runs[name])
			if err != nil {
				log.newer = log.newer || errors.Is(err, errNewer)
				log.Damaged = append(log.Damaged, fmt.Sprintf("record %.60q of %s: %s", name, host, err))
				continue
			}
			if known, ok := runs[r.ID]; !ok || !known.Finished() && r.Finished() {
				runs[r.ID] = r
			}
		}
		for name := range kept[host].Sizes {
			log.Has[name] = append(log.Has[name], host)
		}
	}
	for _, r := range runs {
		log.Runs = append(log.Runs, r)
	}
	slices.SortFunc(log.Runs, func(a, b Run) int { return strings.Compare(b.ID, a.ID) })
	return log
}

// Find returns the run that a person names: by its number or id, or the
// beginning of one.
func (l Log) Find(name string) (Run, error) {
	var found []Run
	for _, r := range l.Runs {
		number, _, _ := strings.Cut(r.Short(), "-")
		switch {
		case r.ID == name || r.Short() == name:
			return r, nil
		case number == name:
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Run{}, fmt.Errorf("there is no record of run %.40q; to list the runs: provision history", name)
	}
	return Run{}, fmt.Errorf("run %.40q is ambiguous: it is %s or %s", name, found[0].Short(), found[1].Short())
}

// Bounds of what a host keeps.
const (
	MaxRuns  = 200
	MaxBytes = 16 << 20
)

// Surplus are the records of a host that go when a new one of the given size
// comes: the oldest runs with what belongs to them, inventories that no run
// names any more, and what is damaged or nobody's. Where a newer provision keeps
// records, it is left to that.
func Surplus(kept Kept, size int64) []string {
	log := Merge(map[string]Kept{"": kept})
	total, wanted := size, map[string]bool{}
	for i, r := range log.Runs {
		if i+1 >= MaxRuns {
			break
		}
		names := []string{RunName(r.ID), StepsName(r.ID), SourcesName(r.Sources)}
		own := int64(0)
		for _, name := range names {
			if !wanted[name] {
				own += kept.Sizes[name]
			}
		}
		if total += own; total > MaxBytes {
			break
		}
		for _, name := range names {
			wanted[name] = true
		}
	}
	var drop []string
	newer := log.newer
	for _, name := range slices.Sorted(maps.Keys(kept.Sizes)) {
		if !wanted[name] && !newer {
			drop = append(drop, name)
		}
	}
	return drop
}
