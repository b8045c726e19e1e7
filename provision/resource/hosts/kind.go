package hosts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource"
)

// File is the file that blocks are kept in.
const File = "/etc/hosts"

// State is the block, and what Restore needs to know of the file.
type State struct {
	Found bool     `json:"found,omitempty"`
	Lines []string `json:"lines,omitempty"`
	// NoFile and Unterminated say that there was no file, or that its last
	// line had no newline.
	NoFile       bool `json:"no_file,omitempty"`
	Unterminated bool `json:"unterminated,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if strings.ContainsAny(name, "\n\r\x00") || name == "" {
		return fmt.Errorf("%q is not a mark", name)
	}
	for _, line := range want.Lines {
		fields := strings.Fields(line)
		if strings.ContainsAny(line, "\n\r\x00") || len(fields) < 2 {
			return fmt.Errorf("%q is not an address with names", line)
		}
		if _, err := netip.ParseAddr(fields[0]); err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
	}
	return nil
}

func read(sys *system.System) (content string, attr system.Attr, err error) {
	info, err := sys.Files.Lstat(File)
	if errors.Is(err, fs.ErrNotExist) {
		return "", system.Attr{Mode: 0o644}, fs.ErrNotExist
	}
	if err != nil {
		return "", attr, fmt.Errorf("looking at %s: %w", File, err)
	}
	if info.Type != "file" {
		return "", attr, fmt.Errorf("cannot edit %s: it is a %s", File, info.Type)
	}
	raw, err := sys.Files.ReadFile(File)
	if err != nil {
		return "", attr, fmt.Errorf("reading %s: %w", File, err)
	}
	return string(raw), info.Attr, nil
}

func (kind) Observe(_ context.Context, sys *system.System, name string, _ Spec) (State, error) {
	content, _, err := read(sys)
	if errors.Is(err, fs.ErrNotExist) {
		return State{NoFile: true}, nil
	}
	if err != nil {
		return State{}, err
	}
	lines, found := block(content, name)
	unterminated := content != "" && !strings.HasSuffix(content, "\n")
	return State{Found: found, Lines: lines, Unterminated: unterminated}, nil
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Found && slices.Equal(want.Lines, have.Lines) {
		return nil
	}
	return []resource.Change{{
		Field: "lines", Old: strings.Join(have.Lines, "\n"), New: strings.Join(want.Lines, "\n"), Create: !have.Found,
	}}
}

func (kind) Apply(_ context.Context, sys *system.System, name string, want Spec) error {
	return edit(sys, func(content string) string { return replaced(content, name, want.Lines) })
}

// edit changes the file under a lock: several blocks may be applied at once.
func edit(sys *system.System, change func(string) string) error {
	defer sys.Lock(File)()
	content, attr, err := read(sys)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	changed := change(content)
	if changed == content {
		return nil
	}
	if err := sys.Files.WriteFile(File, strings.NewReader(changed), attr); err != nil {
		return fmt.Errorf("writing %s: %w", File, err)
	}
	return nil
}

func (kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	if before.NoFile {
		content, _, err := read(sys)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if removed(content, name) == "" {
			return sys.Files.Remove(File)
		}
	}
	return edit(sys, func(content string) string {
		if before.Found {
			return replaced(content, name, before.Lines)
		}
		content = removed(content, name)
		if before.Unterminated {
			content = strings.TrimSuffix(content, "\n")
		}
		return content
	})
}
