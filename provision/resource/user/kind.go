package user

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

const nologin = "/usr/sbin/nologin"

// State is the account, its own group and those of the wanted groups that it
// is a member of.
type State struct {
	Account *account `json:"account,omitempty"`
	Group   *group   `json:"group,omitempty"`
	Member  []string `json:"member,omitempty"`
	// Groups and GroupOnly are the spec's: Restore needs them.
	Groups    []string `json:"groups,omitempty"`
	GroupOnly bool     `json:"group_only,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	for _, each := range append([]string{name}, want.Groups...) {
		if !names.Only(each, names.Lower+"_", names.Lower+names.Digits+"_-", 32) {
			return fmt.Errorf("%q is not a name of a user or group", each)
		}
	}
	for _, path := range []string{want.Home, want.Shell} {
		if path != "" && (path[0] != '/' || strings.ContainsAny(path, ":\n\x00")) {
			return fmt.Errorf("%q is not a path that passwd can hold", path)
		}
	}
	if want.GroupOnly && (want.Home != "" || want.Shell != "" || len(want.Groups) > 0) {
		return errors.New("a group has no home, shell or groups")
	}
	return nil
}

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	passwd, err := snapshot.Text(sys.Files, "/etc/passwd")
	if err != nil {
		return State{}, err
	}
	groupFile, err := snapshot.Text(sys.Files, "/etc/group")
	if err != nil {
		return State{}, err
	}
	state := State{Groups: want.Groups, GroupOnly: want.GroupOnly}
	groups := parseGroup(groupFile)
	if entry, ok := groups[name]; ok {
		entry.Members = nil // others' business
		state.Group = &entry
	}
	if entry, ok := parsePasswd(passwd)[name]; ok && !want.GroupOnly {
		state.Account = &entry
	}
	for _, each := range want.Groups {
		if slices.Contains(groups[each].Members, name) {
			state.Member = append(state.Member, each)
		}
	}
	return state, nil
}

func (s Spec) shell() string {
	if s.Shell == "" {
		return nologin
	}
	return s.Shell
}

func (kind) Diff(name string, want Spec, have State) []resource.Change {
	var changes []resource.Change
	if want.GroupOnly {
		if have.Group == nil {
			changes = append(changes, resource.Change{Field: "group", New: name, Create: true})
		}
		return changes
	}
	if have.Account == nil {
		changes = append(changes, resource.Change{Field: "user", New: name, Create: true})
	} else {
		if have.Account.Shell != want.shell() {
			changes = append(changes, resource.Change{Field: "shell", Old: have.Account.Shell, New: want.shell()})
		}
		if want.Home != "" && have.Account.Home != want.Home {
			changes = append(changes, resource.Change{Field: "home", Old: have.Account.Home, New: want.Home})
		}
	}
	if have.Group == nil && have.Account != nil {
		changes = append(changes, resource.Change{Field: "group", New: name})
	}
	if missing := missingGroups(want, have); len(missing) > 0 {
		changes = append(changes, resource.Change{Field: "groups", New: strings.Join(missing, ", ")})
	}
	return changes
}

func missingGroups(want Spec, have State) []string {
	var missing []string
	for _, each := range want.Groups {
		if !slices.Contains(have.Member, each) {
			missing = append(missing, each)
		}
	}
	return missing
}
