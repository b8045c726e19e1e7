package archive

import (
	"context"
	"fmt"
	"path"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is the link at the path, and whether what it leads to is there.
type State struct {
	snapshot.Snapshot
	Unpacked bool `json:"unpacked,omitempty"` // the wanted folder is complete
	// Leftover is set when a killed run left a half-unpacked folder.
	Leftover bool `json:"leftover,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if !system.IsSHA256(want.SHA256) {
		return fmt.Errorf("%q is not a sha256", want.SHA256)
	}
	return snapshot.CheckPath(name)
}

// folder is where an archive is unpacked; it only gets this name when complete.
func folder(name, sha256 string) string { return name + "." + sha256[:12] }

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	taken, err := snapshot.Take(sys.Files, name)
	if err != nil {
		return State{}, err
	}
	info, err := sys.Files.Lstat(folder(name, want.SHA256))
	state := State{Snapshot: taken, Unpacked: err == nil && info.Type == "directory"}
	_, err = sys.Files.Lstat(partial(name))
	state.Leftover = err == nil
	return state, nil
}

// partial is the one name of what is being unpacked, whatever its content: the
// next run finds and removes it.
func partial(name string) string { return name + ".provision-part" }

func (kind) Diff(name string, want Spec, have State) []resource.Change {
	target := path.Base(folder(name, want.SHA256))
	var changes []resource.Change
	if have.Type != "symlink" || have.Target != target || !have.Unpacked {
		old := have.Target
		if have.Exists() && have.Type != "symlink" {
			old = "a " + have.Type
		}
		changes = append(changes, resource.Change{Field: "content", Old: old, New: target, Create: !have.Exists()})
	}
	if have.Leftover {
		changes = append(changes, resource.Change{Field: "leftover", Old: "folder of an interrupted run"})
	}
	return changes
}

func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	if have.Exists() && have.Type != "symlink" {
		return fmt.Errorf("cannot unpack to %s: a %s stands there; move it away", name, have.Type)
	}
	if err := sys.Files.RemoveAll(partial(name)); err != nil {
		return fmt.Errorf("removing what an interrupted run left: %w", err)
	}
	if !have.Unpacked {
		if err := k.unpack(ctx, sys, name, want); err != nil {
			return fmt.Errorf("unpacking %s: %w", name, err)
		}
		sys.Point("archive:unpacked")
	}
	if err := sys.Files.Symlink(path.Base(folder(name, want.SHA256)), name); err != nil {
		return fmt.Errorf("switching %s: %w", name, err)
	}
	return k.clean(sys, name, have.Target, path.Base(folder(name, want.SHA256)))
}

func (kind) unpack(ctx context.Context, sys *system.System, name string, want Spec) error {
	blob, _, err := sys.Blobs.Open(want.SHA256)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := snapshot.EnsureParent(sys.Files, name); err != nil {
		return err
	}
	if err := sys.Files.Mkdir(partial(name), system.Attr{Mode: 0o755}); err != nil {
		return err
	}
	sys.Point("archive:started")
	if err := extract(ctx, sys, blob, partial(name)); err != nil {
		return err
	}
	return sys.Files.Rename(partial(name), folder(name, want.SHA256))
}

// clean removes unpacked folders but the present and the previous one, whose
// programs may still run.
func (kind) clean(sys *system.System, name string, keep ...string) error {
	entries, err := sys.Files.ReadDir(path.Dir(name))
	if err != nil {
		return fmt.Errorf("looking for old versions of %s: %w", name, err)
	}
	for _, entry := range entries {
		version, own := strings.CutPrefix(entry.Name(), path.Base(name)+".")
		if !own || len(version) != 12 || !names.Only(version, "", names.Hex, 12) || strings.Contains(strings.Join(keep, "\n"), entry.Name()) {
			continue
		}
		if err := sys.Files.RemoveAll(path.Dir(name) + "/" + entry.Name()); err != nil {
			return fmt.Errorf("removing old version %s: %w", entry.Name(), err)
		}
	}
	return nil
}

func (k kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	if err := sys.Files.RemoveAll(partial(name)); err != nil {
		return fmt.Errorf("removing what an interrupted run left: %w", err)
	}
	if before.Exists() && before.Type != "symlink" {
		return nil // Apply refuses to touch it
	}
	missing := before.Missing
	before.Missing = nil
	if err := snapshot.Restore(sys, name, before.Snapshot); err != nil {
		return err
	}
	sys.Point("archive:switched")
	if _, err := sys.Files.Lstat(path.Dir(name)); err == nil {
		if err := k.clean(sys, name, before.Target); err != nil {
			return err
		}
	}
	return snapshot.RemoveEmpty(sys.Files, missing)
}
