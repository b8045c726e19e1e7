package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is what stands at the path, and the digest of the item that is wanted
// there; "" while the host has no such item.
type State struct {
	snapshot.Snapshot
	Item string `json:"item,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if want.Item == "" || strings.ContainsAny(want.Item, "/\x00") || strings.HasPrefix(want.Item, ".") {
		return fmt.Errorf("%q is not an item of an identity", want.Item)
	}
	if want.Part != "" && want.Part != Signer && want.Part != Trusted {
		return fmt.Errorf("%q is not a part of an item", want.Part)
	}
	return errors.Join(snapshot.CheckPath(name), snapshot.CheckAttr(want.Attr))
}

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	taken, err := snapshot.Take(sys.Files, name)
	if err != nil {
		return State{}, err
	}
	item, err := digest(sys.Files, want)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("reading item %s: %w", want.Item, err)
	}
	return State{taken, item}, nil
}

// digest is that of what is copied of the item.
func digest(files system.Files, want Spec) (string, error) {
	path := system.IdentityDir + "/" + want.Item
	if want.Part == "" {
		return files.Digest(path)
	}
	content, err := files.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(part(content, want.Part))
	return hex.EncodeToString(sum[:]), nil
}

// part is what is copied. What is no PEM stays whole.
func part(content []byte, name string) []byte {
	blocks := pki.Blocks(content)
	switch {
	case len(blocks) == 0:
		return content
	case name == Signer:
		return blocks[0]
	case name == Trusted:
		slices.SortFunc(blocks, bytes.Compare)
		return bytes.Join(blocks, nil)
	}
	return content
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Type == "file" && have.Item != "" && have.SHA256 == have.Item {
		return have.AttrChanges(want.Attr)
	}
	change := resource.Hidden("content", have.SHA256, have.Item)
	if public(want) {
		change = resource.Change{Field: "content", Old: snapshot.Short(have.SHA256), New: snapshot.Short(have.Item)}
	}
	change.Create = !have.Exists()
	if have.Item == "" {
		change.New = "(known after the cluster's identity is there)"
	}
	return append(have.TypeChange("file"), change)
}

// public items are what anyone may read.
func public(want Spec) bool {
	return strings.HasSuffix(want.Item, ".crt") || strings.HasSuffix(want.Item, ".pub")
}

func (kind) Apply(_ context.Context, sys *system.System, name string, want Spec) error {
	content, err := sys.Files.ReadFile(system.IdentityDir + "/" + want.Item)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write %s: the host has no %s of the cluster's identity", name, want.Item)
	}
	if err != nil {
		return fmt.Errorf("reading item %s: %w", want.Item, err)
	}
	if err := snapshot.Write(sys.Files, name, bytes.NewReader(part(content, want.Part)), want.Attr); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func (kind) Keep(_ context.Context, sys *system.System, name string, have State) (State, error) {
	kept, err := snapshot.Keep(sys, name, have.Snapshot)
	return State{kept, have.Item}, err
}

func (kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	return snapshot.Restore(sys, name, before.Snapshot)
}
