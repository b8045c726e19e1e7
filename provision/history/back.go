package history

import "fmt"

// Back are the runs that one can go back to, by how far: [0] is the present, if
// its inventory was kept; the others ended well, and each has another inventory
// than the one after it.
func (l Log) Back() []Run {
	var list []Run
	last := ""
	for i, r := range l.Runs {
		if i == 0 {
			list, last = append(list, r), r.Sources
			continue
		}
		if r.Whole() && r.Sources != "" && r.Sources != last {
			list, last = append(list, r), r.Sources
		}
	}
	return list
}

// Goal is the run to go back to, steps ago. A rollback that did not end well is
// gone on with.
func (l Log) Goal(steps int) (Run, error) {
	if steps == 1 && len(l.Runs) > 0 && l.Runs[0].Back != "" && !l.Runs[0].Whole() {
		return l.Find(l.Runs[0].Back)
	}
	back := l.Back()
	switch {
	case steps < 1:
		return Run{}, fmt.Errorf("cannot go back %d runs: 1 is the inventory before the present one", steps)
	case len(back) == 0:
		return Run{}, fmt.Errorf("cannot go back: no run is recorded")
	case steps >= len(back):
		return Run{}, fmt.Errorf("cannot go back %d: only %d earlier inventories are kept; see: provision history", steps, len(back)-1)
	}
	return back[steps], nil
}

// Returnable says why one cannot go back to a run, if so.
func (r Run) Returnable() error {
	switch {
	case len(r.Targets) > 0:
		return fmt.Errorf("cannot go back to run %s: it was limited to targets, so the hosts never matched its inventory", r.Short())
	case !r.Whole():
		return fmt.Errorf("cannot go back to run %s: it did not end well (%s), so the hosts never matched its inventory", r.Short(), r.Outcome())
	case r.Sources == "" && r.NoSources != "":
		return fmt.Errorf("cannot go back to run %s: its inventory was not kept: %s", r.Short(), r.NoSources)
	case r.Sources == "":
		return fmt.Errorf("cannot go back to run %s: its inventory was not kept", r.Short())
	}
	return nil
}

// Outcome is the result in words.
func (r Run) Outcome() string {
	if !r.Finished() {
		return "not finished"
	}
	return string(r.Result)
}
