package pkg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// State is what dpkg says of the package and its closure.
type State struct {
	// Installed has the version of each package that is there and configured.
	Installed map[string]string `json:"installed,omitempty"`
	// Held is set when nobody upgrades the package itself unasked.
	Held bool `json:"held,omitempty"`
	// Broken are those that a killed run left half installed.
	Broken []string `json:"broken,omitempty"`
	// Purging are those whose removal was cut off: only their configuration is left.
	Purging []string `json:"purging,omitempty"`
	// Blocked is set when a killed run left our policy-rc.d, which keeps
	// services of all packages from starting.
	Blocked bool `json:"blocked,omitempty"`
	// Closure are the packages of the spec: Restore needs them.
	Closure []string `json:"closure,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	const first = names.Lower + names.Digits
	valid := func(name string) bool { return len(name) > 1 && names.Only(name, first, first+"+.-", 255) }
	if !valid(name) {
		return fmt.Errorf("%q is not a name of a package", name)
	}
	holds := len(want.Debs) == 0
	for _, deb := range want.Debs {
		if !valid(deb.Package) || deb.Version == "" {
			return fmt.Errorf("file %s: package %q, version %q", deb.File, deb.Package, deb.Version)
		}
		if !names.SHA256(deb.SHA256) {
			return fmt.Errorf("file %s: %q is not a sha256", deb.File, deb.SHA256)
		}
		holds = holds || deb.Package == name
	}
	if !holds {
		return errors.New("no file holds the package itself")
	}
	return nil
}

func closure(name string, want Spec) []string {
	names := map[string]bool{name: true}
	for _, deb := range want.Debs {
		names[deb.Package] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func (kind) Observe(ctx context.Context, sys *system.System, name string, want Spec) (State, error) {
	return observe(ctx, sys, name, closure(name, want))
}

func observe(ctx context.Context, sys *system.System, name string, names []string) (State, error) {
	state := State{Closure: names, Installed: map[string]string{}}
	entries, err := query(ctx, sys, names)
	if err != nil {
		return State{}, err
	}
	for _, entry := range entries {
		state.Held = state.Held || entry.Package == name && entry.Want == held
		switch {
		case entry.installed():
			state.Installed[entry.Package] = entry.Version
		case entry.purging():
			state.Purging = append(state.Purging, entry.Package)
		case entry.broken():
			state.Broken = append(state.Broken, entry.Package)
		}
	}
	state.Blocked, err = blocked(sys)
	return state, err
}

func query(ctx context.Context, sys *system.System, names []string) ([]status, error) {
	argv := append([]string{"dpkg-query", "--show", "--showformat=${Package}\t${Version}\t${db:Status-Abbrev}\n"}, names...)
	result, err := sys.Runner.Run(ctx, system.Command{Argv: argv})
	if err != nil && result.Code != 1 { // 1: it does not know some of them
		return nil, fmt.Errorf("asking dpkg: %w", err)
	}
	return parseQuery(string(result.Stdout)), nil
}

// status is a line of dpkg-query.
type status struct {
	Package, Version string
	Want, Is         byte // as in the first columns of dpkg --list
	Error            byte
}

// parseQuery reads name, version and status of each line. Lines of anything
// else (a locale's message) are passed over.
func parseQuery(output string) []status {
	var found []status
	for line := range strings.Lines(output) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) != 3 || fields[0] == "" || len(fields[2]) < 2 {
			continue
		}
		entry := status{Package: fields[0], Version: fields[1], Want: fields[2][0], Is: fields[2][1], Error: ' '}
		if len(fields[2]) > 2 {
			entry.Error = fields[2][2]
		}
		found = append(found, entry)
	}
	return found
}

// installed includes packages that wait for triggers of others.
func (s status) installed() bool {
	return strings.IndexByte("itW", s.Is) >= 0 && s.Error != 'R' && s.Version != ""
}

// purging: to be purged, and not quite gone.
func (s status) purging() bool { return s.Want == 'p' && s.Is == 'c' }

func (s status) broken() bool { return s.Error == 'R' || strings.IndexByte("HUF", s.Is) >= 0 }

func (kind) Diff(name string, want Spec, have State) []resource.Change {
	var changes []resource.Change
	if len(have.Broken) > 0 {
		changes = append(changes, resource.Change{Field: "state", Old: "half installed: " + strings.Join(have.Broken, ", "), New: "configured"})
	}
	if len(want.Debs) == 0 {
		if _, ok := have.Installed[name]; !ok {
			changes = append(changes, resource.Change{Field: "package", New: "from the host's repositories", Create: len(changes) == 0})
		}
	}
	for _, deb := range missing(want, have) {
		old := have.Installed[deb.Package]
		changes = append(changes, resource.Change{Field: deb.Package, Old: old, New: deb.Version, Create: deb.Package == name && old == ""})
	}
	if want.Hold && !have.Held {
		old := ""
		if have.Installed[name] != "" {
			old = "upgraded by others"
		}
		changes = append(changes, resource.Change{Field: "hold", Old: old, New: "upgraded by apply only"})
	}
	if have.Blocked {
		changes = append(changes, resource.Change{Field: "leftover", Old: "policy-rc.d of an interrupted installation"})
	}
	return changes
}

// missing are the files whose package is not there, or is older.
func missing(want Spec, have State) []Deb {
	var debs []Deb
	for _, deb := range want.Debs {
		version, ok := have.Installed[deb.Package]
		if !ok || compare(version, deb.Version) < 0 {
			debs = append(debs, deb)
		}
	}
	return debs
}
