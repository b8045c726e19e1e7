package etcddata

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"provision/provision/internal/etcdlog"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// memberFolder is etcd's own, in the data folder.
const memberFolder = "member"

// State is what stands in the data folder.
type State struct {
	Member bool `json:"member,omitempty"` // etcd has begun to put data there
	Log    bool `json:"log,omitempty"`    // they are a member's
	// Owner is that member, in hex; "" when its log cannot be read.
	Owner string `json:"owner,omitempty"`
	// Cluster is the one that it is of, in hex.
	Cluster string `json:"cluster,omitempty"`
	// Halfway: a restore was cut off, or nearly ended.
	Halfway bool `json:"halfway,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

// Irreversible implements resource.Oneway: the member was removed for good.
func (kind) Irreversible() bool { return true }

func (kind) Check(name string, want Spec) error {
	if strings.ContainsAny(want.Unit, "/ \x00") || !strings.HasSuffix(want.Unit, ".service") {
		return fmt.Errorf("%q is not a service", want.Unit)
	}
	if strings.Trim(want.Removed, "0123456789abcdef") != "" || len(want.Removed) > 16 {
		return fmt.Errorf("%q is not the id of an etcd member", want.Removed)
	}
	return errors.Join(snapshot.CheckPath(name), snapshot.CheckPath(want.Log), want.Restore.check())
}

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	if !want.Rejoin && want.Restore == nil {
		return State{}, nil // whatever stands there stays
	}
	var state State
	_, err := sys.Files.Lstat(path.Join(name, memberFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return state, fmt.Errorf("looking at etcd's data: %w", err)
	}
	state.Member = err == nil
	owner, there, err := etcdlog.Read(sys.Files, want.Log)
	if !there && err != nil {
		return state, err
	}
	state.Log, state.Owner, state.Cluster = there, owner.Member, owner.Cluster
	if want.Restore != nil {
		_, err := sys.Files.Lstat(path.Join(name, fresh))
		state.Halfway = err == nil
	}
	return state, nil
}

// unwanted reports whether the data are to be set aside. Those of any other
// member than the removed one never are.
func unwanted(want Spec, have State) bool {
	switch {
	case !want.Rejoin:
		return false
	case have.Log:
		return want.Removed != "" && have.Owner == want.Removed
	}
	return have.Member
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if want.Restore != nil {
		return want.Restore.restored(have)
	}
	if !unwanted(want, have) {
		return nil
	}
	old := "left by a start that failed"
	if have.Log {
		old = "of member " + have.Owner + ", which the cluster removed"
	}
	return []resource.Change{{Field: "data", Old: old, New: "set aside, for the member to join again"}}
}

// Apply stops etcd first: a start that fails would otherwise put new data in
// the place. The unit's own resource starts it again.
func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err == nil && want.Restore != nil && len(want.Restore.restored(have)) > 0 {
		return k.restore(ctx, sys, name, want, have)
	}
	if err != nil || want.Restore != nil || !unwanted(want, have) {
		return err
	}
	if err := stop(ctx, sys, want.Unit); err != nil {
		return err
	}
	sys.Point("etcddata:stopped")
	if have, err = k.Observe(ctx, sys, name, want); err != nil || !unwanted(want, have) {
		return err
	}
	aside := Aside + sys.Now().UTC().Format("20060102T150405Z")
	if have.Member {
		if err := setAside(sys, name, aside, memberFolder); err != nil {
			return err
		}
		sys.Point("etcddata:aside")
	}
	if strings.HasPrefix(want.Log, name+"/") {
		return nil
	}
	return setLogAside(sys, want.Log, aside)
}

// setLogAside is for a log that is elsewhere. Its newest segment goes last:
// while it is there, it says whose data these were.
func setLogAside(sys *system.System, folder, aside string) error {
	entries, err := sys.Files.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for etcd's log: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), Aside) {
			names = append(names, e.Name())
		}
	}
	return setAside(sys, folder, aside, names...)
}

// setAside moves entries of a folder into one of its own there, and drops what
// was set aside before: data may be large.
func setAside(sys *system.System, folder, aside string, names ...string) error {
	entries, err := sys.Files.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("looking at etcd's data: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), Aside) {
			if err := sys.Files.RemoveAll(path.Join(folder, e.Name())); err != nil {
				return fmt.Errorf("removing what was set aside before: %w", err)
			}
		}
	}
	if err := sys.Files.Mkdir(path.Join(folder, aside), system.Attr{Mode: 0o700}); err != nil {
		return fmt.Errorf("setting etcd's data aside: %w", err)
	}
	for _, name := range names {
		err := sys.Files.Rename(path.Join(folder, name), path.Join(folder, aside, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting etcd's data aside: %w", err)
		}
	}
	return nil
}

// Restore leaves everything as it is: the data folder goes with its own
// resource.
func (kind) Restore(context.Context, *system.System, string, State) error {
	return resource.ErrIrreversible
}
