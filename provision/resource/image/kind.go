package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"provision/provision/internal/system"
	"provision/provision/resource"
)

// socket is containerd's; without it there is nothing to ask.
const socket = "/run/containerd/containerd.sock"

const pin = "io.cri-containerd.pinned=pinned"

// State is the image that containerd lists under the reference.
type State struct {
	Manifest string `json:"manifest,omitempty"`
	Pinned   bool   `json:"pinned,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if strings.ContainsAny(name, " \t\n\x00\"'") || !strings.ContainsAny(name, ":@") || strings.HasPrefix(name, "-") {
		return fmt.Errorf("%q is not a reference of an image with its tag", name)
	}
	if !system.IsSHA256(want.SHA256) {
		return fmt.Errorf("%q is not a sha256", want.SHA256)
	}
	if digest, ok := strings.CutPrefix(want.Manifest, "sha256:"); !ok || !system.IsSHA256(digest) {
		return fmt.Errorf("%q is not a digest of a manifest", want.Manifest)
	}
	return nil
}

func ctr(ctx context.Context, sys *system.System, args ...string) (system.Result, error) {
	return sys.Runner.Run(ctx, system.Command{Argv: append([]string{"ctr", "--namespace", "k8s.io", "images"}, args...)})
}

func (kind) Observe(ctx context.Context, sys *system.System, name string, _ Spec) (State, error) {
	_, err := sys.Files.Lstat(socket)
	if errors.Is(err, fs.ErrNotExist) || err == nil && sys.Runner.LookPath("ctr") == "" {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("looking for containerd: %w", err)
	}
	within, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	result, err := ctr(within, sys, "ls", "name=="+name)
	switch {
	case err == nil:
		return parseList(string(result.Stdout), name), nil
	case ctx.Err() == nil && silent(within, err):
		return State{}, fmt.Errorf("listing images: containerd does not answer although its socket is there; look at containerd.service: %w", err)
	case ctx.Err() == nil && notListening(err):
		return State{}, nil // stopped: its socket outlives it
	}
	return State{}, fmt.Errorf("listing images: %w", err)
}

// listTime bounds one question to containerd: one that hangs takes connections
// and never answers.
const listTime = 15 * time.Second

// silent reports whether containerd took the question and said nothing.
func silent(within context.Context, err error) bool {
	text := strings.ToLower(err.Error())
	return within.Err() != nil || strings.Contains(text, "deadline exceeded") || strings.Contains(text, "timeout") || strings.Contains(text, "timed out")
}

// notListening reports whether nobody takes connections.
func notListening(err error) bool {
	text := err.Error()
	return strings.Contains(text, "connection refused") || strings.Contains(text, "no such file or directory")
}

// parseList reads the table of "ctr images ls": reference, type, digest, size
// (two words), platforms, labels.
func parseList(table, name string) State {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != name || !strings.HasPrefix(fields[2], "sha256:") {
			continue
		}
		state := State{Manifest: fields[2]}
		for label := range strings.SplitSeq(fields[len(fields)-1], ",") {
			state.Pinned = state.Pinned || label == pin
		}
		return state
	}
	return State{}
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Manifest != want.Manifest {
		return []resource.Change{{Field: "manifest", Old: have.Manifest, New: want.Manifest, Create: have.Manifest == ""}}
	}
	if !have.Pinned {
		return []resource.Change{{Field: "pinned", Old: "no", New: "yes"}}
	}
	return nil
}

func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	if _, err := sys.Files.Lstat(socket); err != nil {
		return fmt.Errorf("cannot import image %s: containerd does not run: %w", name, err)
	}
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	if have.Manifest != want.Manifest {
		if err := load(ctx, sys, name, want); err != nil {
			return err
		}
		sys.Point("image:imported")
		if have, err = k.Observe(ctx, sys, name, want); err != nil {
			return err
		}
	}
	if have.Manifest != want.Manifest {
		return fmt.Errorf("importing image %s: containerd lists %q instead of %s; is the archive of another image?", name, have.Manifest, want.Manifest)
	}
	if !have.Pinned {
		if _, err := ctr(ctx, sys, "label", name, pin); err != nil {
			return fmt.Errorf("pinning image %s: %w", name, err)
		}
		sys.Point("image:pinned")
	}
	return nil
}

func load(ctx context.Context, sys *system.System, name string, want Spec) error {
	blob, err := sys.Blobs.Path(want.SHA256)
	if err != nil {
		return fmt.Errorf("importing image %s: %w", name, err)
	}
	// Through containerd's transfer service the same takes twice the processor.
	if _, err := ctr(ctx, sys, "import", "--local", "--label", pin, sys.Files.Path(blob)); err != nil {
		return fmt.Errorf("importing image %s: %w", name, err)
	}
	return nil
}

// Restore removes an image that was not there. One that was replaced does not
// come back: containerd has collected its layers.
func (k kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	have, err := k.Observe(ctx, sys, name, Spec{})
	if err != nil || have.Manifest == before.Manifest && have.Pinned == before.Pinned {
		return err
	}
	if before.Manifest == "" {
		if _, err := ctr(ctx, sys, "rm", name); err != nil {
			return fmt.Errorf("removing image %s: %w", name, err)
		}
		return nil
	}
	if have.Manifest != before.Manifest {
		return fmt.Errorf("bringing back image %s %s: %w", name, before.Manifest, resource.ErrIrreversible)
	}
	if _, err := ctr(ctx, sys, "label", name, "io.cri-containerd.pinned="); err != nil {
		return fmt.Errorf("unpinning image %s: %w", name, err)
	}
	return nil
}
