package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
	"provision/provision/resource/internal/textdiff"
)

// maxContent is the greatest inline content; more belongs into a blob.
const maxContent = 1 << 20

// maxShown is the greatest old content that a diff is made of.
const maxShown = 16 << 10

// State is what stands at the path.
type State struct {
	snapshot.Snapshot
	// Text is the old content, when it is readable by all, differs from what
	// is wanted and is short: only then does the plan show lines.
	Text string `json:"text,omitempty"`
	// NeedReload is set when systemd has not read the unit file anew.
	NeedReload bool `json:"need_reload,omitempty"`
	// Candidate is set when a killed run left the file it was validating.
	Candidate bool `json:"candidate,omitempty"`
	// DaemonReload is the spec's: Restore must reload too.
	DaemonReload bool `json:"daemon_reload,omitempty"`
	// Settled is set when the spec's Until stands there.
	Settled bool `json:"settled,omitempty"`
	// Ahead are the names of files that come before this one where it must be
	// the first.
	Ahead []string `json:"ahead,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] {
	return resource.Erase[*system.System, Spec, State](kind{})
}

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if err := snapshot.CheckPath(name); err != nil {
		return err
	}
	if len(want.text()) > maxContent {
		return fmt.Errorf("content has %d bytes; more than %d belong into a blob", len(want.text()), maxContent)
	}
	if want.isSecret() && (want.Content != "" || want.Attr.Mode&0o007 != 0) {
		return fmt.Errorf("a secret is the whole content, and mode %#o must not let everyone read it", want.Attr.Mode)
	}
	if want.isSecret() && len(want.Validate) > 0 {
		return errors.New("a command that validates a secret would show it in its messages")
	}
	return snapshot.CheckAttr(want.Attr)
}

func (kind) Observe(ctx context.Context, sys *system.System, name string, want Spec) (State, error) {
	taken, err := snapshot.Take(sys.Files, name)
	if err != nil {
		return State{}, err
	}
	if taken.Type == "directory" {
		return State{}, fmt.Errorf("%s is a directory: remove it or name another path", name)
	}
	state := State{Snapshot: taken, DaemonReload: want.DaemonReload, Settled: settled(sys.Files, want)}
	if taken.Type == "file" && taken.SHA256 != digest(want.text()) && !want.isSecret() && taken.Attr.Mode&0o004 != 0 {
		state.Text = shownText(sys.Files, name)
	}
	if state.Ahead, err = ahead(sys.Files, name, want); err != nil {
		return State{}, err
	}
	if len(want.Validate) > 0 {
		_, err := sys.Files.Lstat(candidate(name))
		state.Candidate = err == nil
	}
	if unit := unitOf(name); want.DaemonReload && taken.Exists() && unit != "" {
		status, err := sys.Units.Status(ctx, unit)
		if err != nil {
			return State{}, err
		}
		state.NeedReload = status.NeedReload
	}
	return state, nil
}

// settled reports whether the file is no longer to be touched.
func settled(files system.Files, want Spec) bool {
	if want.Until == "" {
		return false
	}
	_, err := files.Lstat(want.Until)
	return err == nil
}

func shownText(files system.Files, name string) string {
	info, err := files.Lstat(name)
	if err != nil || info.Size > maxShown {
		return ""
	}
	content, err := files.ReadFile(name)
	if err != nil || !utf8.Valid(content) {
		return ""
	}
	return string(content)
}

// unitOf is the unit that a unit file or drop-in belongs to.
func unitOf(name string) string {
	if dir := path.Base(path.Dir(name)); strings.HasSuffix(dir, ".d") {
		return strings.TrimSuffix(dir, ".d")
	}
	if base := path.Base(name); !strings.Contains(base, "@.") {
		return base
	}
	return "" // a template cannot be loaded
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Settled && have.Type == "file" {
		return nil
	}
	changes := have.TypeChange("file")
	changes = append(changes, contentChanges(want, have)...)
	if have.Type == "file" {
		changes = append(changes, have.AttrChanges(want.Attr)...)
	}
	for _, each := range have.Ahead {
		changes = append(changes, resource.Change{Field: "in front of it", Old: each, New: "set aside as " + each + aside})
	}
	if have.NeedReload {
		changes = append(changes, resource.Change{Field: "systemd", Old: "old version loaded", New: "reload"})
	}
	if have.Candidate {
		changes = append(changes, resource.Change{Field: "leftover", Old: "candidate of an interrupted run"})
	}
	return changes
}

func contentChanges(want Spec, have State) []resource.Change {
	wanted := digest(want.text())
	if have.SHA256 == wanted {
		return nil
	}
	if want.isSecret() {
		change := resource.Hidden("content", have.SHA256, wanted)
		change.Create = !have.Exists()
		return []resource.Change{change}
	}
	change := resource.Change{Field: "content", Create: !have.Exists(), Old: snapshot.Short(have.SHA256), New: snapshot.Short(wanted)}
	if have.SHA256 != "" && have.Attr.Mode&0o004 == 0 { // not everyone may read it, so nobody is told
		change = change.HideOld(have.SHA256)
	}
	changes := []resource.Change{change}
	if have.Text != "" {
		if lines := textdiff.Unified(have.Text, want.Content); lines != "" {
			changes = append(changes, resource.Change{Field: "diff", New: lines})
		}
	}
	return changes
}
