package unit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource"
)

// State is what systemd says of the unit, without what moves by itself.
type State struct {
	Load       string `json:"load"`
	Active     string `json:"active"`
	Enabled    string `json:"enabled"`
	NeedReload bool   `json:"need_reload,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if strings.ContainsAny(name, "/ \x00") || !strings.Contains(name, ".") {
		return fmt.Errorf("%q is not a full unit name, such as etcd.service", name)
	}
	if want.Masked && (want.Enabled || want.Active) {
		return errors.New("a masked unit can be neither enabled nor active")
	}
	return nil
}

func (kind) Observe(ctx context.Context, sys *system.System, name string, _ Spec) (State, error) {
	status, err := sys.Units.Status(ctx, name)
	if err != nil {
		return State{}, err
	}
	return State{status.LoadState, status.ActiveState, status.UnitFileState, status.NeedReload}, nil
}

func (s State) found() bool  { return s.Load != "not-found" && s.Load != "" }
func (s State) masked() bool { return strings.HasPrefix(s.Enabled, "masked") || s.Load == "masked" }

// starts reports whether the unit comes with the system. What cannot be
// enabled (static, generated…) is started by others and counts.
func (s State) starts() bool {
	switch s.Enabled {
	case "enabled", "static", "alias", "indirect", "generated", "transient":
		return true
	}
	return false
}

func (s State) running(noWait bool) bool {
	switch s.Active {
	case "active", "reloading", "refreshing":
		return true
	case "activating":
		return noWait
	}
	return false
}

func (s State) stopped() bool {
	return s.Active == "inactive" || s.Active == "failed" || s.Active == ""
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if want.Masked {
		return diffMasked(have)
	}
	var changes []resource.Change
	add := func(field, before, after string) {
		changes = append(changes, resource.Change{
			Field: field, Old: before, New: after, Create: !have.found() && len(changes) == 0,
		})
	}
	if want.Enabled != have.starts() && !(have.Enabled == "static" || have.Enabled == "generated") && (want.Enabled || have.found()) {
		add("enabled", have.Enabled, yes(want.Enabled, "enabled", "disabled"))
	}
	if have.masked() && !want.Enabled {
		add("enabled", have.Enabled, "disabled")
	}
	if want.Active && !have.running(want.NoWait) || !want.Active && !have.stopped() {
		add(FieldActive, have.Active, yes(want.Active, "active", "inactive"))
	}
	if have.NeedReload {
		add("systemd", "old version loaded", "reload")
	}
	return changes
}

func diffMasked(have State) []resource.Change {
	var changes []resource.Change
	if !have.masked() {
		changes = append(changes, resource.Change{Field: "enabled", Old: have.Enabled, New: "masked"})
	}
	if !have.stopped() {
		changes = append(changes, resource.Change{Field: FieldActive, Old: have.Active, New: "inactive"})
	}
	return changes
}

func yes(condition bool, a, b string) string {
	if condition {
		return a
	}
	return b
}
