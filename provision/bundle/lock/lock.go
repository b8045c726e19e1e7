package lock

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FormatVersion is the version of the lock file that this package writes.
const FormatVersion = 1

//go:embed lock.json
var committed []byte

// Lock is a set of pins.
type Lock struct {
	FormatVersion int `json:"format_version"`
	// Modules maps MODULE@VERSION to its h1 checksum.
	Modules map[string]string `json:"modules,omitempty"`
	// Outputs maps the hash of a source's inputs to what they yield.
	Outputs map[string]Output `json:"outputs,omitempty"`
}

// Output is the one result that given inputs may have.
type Output struct {
	Artifact string `json:"artifact"` // for people: NAME@VERSION/ARCH
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size,omitempty"`
	Note     string `json:"note,omitempty"` // the Go version, or the URL
}

// MismatchError says that something is not what the lock pinned.
type MismatchError struct{ What, Want, Got string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("cannot use %s: the lock pins %s, but it is %s; nothing was stored. If the change is expected, remove its entry from the lock file", e.What, e.Want, e.Got)
}

// Committed is the lock that this provision was built with.
func Committed() (Lock, error) { return Parse(committed) }

// Parse decodes a lock file.
func Parse(data []byte) (Lock, error) {
	var l Lock
	if err := json.Unmarshal(data, &l); err != nil {
		return l, fmt.Errorf("decoding the lock: %w", err)
	}
	if l.FormatVersion > FormatVersion {
		return l, fmt.Errorf("cannot read the lock: format %d is newer than this provision; update it", l.FormatVersion)
	}
	if l.FormatVersion < 1 {
		return l, fmt.Errorf("decoding the lock: its format is %d", l.FormatVersion)
	}
	for _, o := range l.Outputs {
		if o.Size < 0 || len(o.SHA256) != 64 || strings.Trim(o.SHA256, "0123456789abcdef") != "" {
			return l, fmt.Errorf("decoding the lock: %s: %q is not a sha256", o.Artifact, o.SHA256)
		}
	}
	return l, nil
}

// Load reads a lock file; a missing one is empty.
func Load(path string) (Lock, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{FormatVersion: FormatVersion}, nil
	}
	if err != nil {
		return Lock{}, fmt.Errorf("reading the lock: %w", err)
	}
	l, err := Parse(data)
	if err != nil {
		return l, fmt.Errorf("reading %s: %w", path, err)
	}
	return l, nil
}

// Save replaces a lock file whole.
func (l Lock) Save(path string) error {
	l.FormatVersion = FormatVersion
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the lock: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".lock-*")
	if err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	return nil
}

// CheckModule refuses a module whose checksum is not the pinned one.
func (l Lock) CheckModule(module, sum string) error {
	if want, ok := l.Modules[module]; ok && want != sum {
		return &MismatchError{What: "module " + module, Want: want, Got: sum}
	}
	return nil
}

// CheckOutput refuses another result of the same inputs.
func (l Lock) CheckOutput(inputs string, out Output) error {
	if want, ok := l.Outputs[inputs]; ok && want.SHA256 != out.SHA256 {
		return &MismatchError{What: out.Artifact + " (same inputs, another digest)", Want: want.SHA256, Got: out.SHA256}
	}
	return nil
}

// AddModule pins a module.
func (l *Lock) AddModule(module, sum string) {
	if l.Modules == nil {
		l.Modules = map[string]string{}
	}
	l.Modules[module] = sum
}

// AddOutput pins a result.
func (l *Lock) AddOutput(inputs string, out Output) {
	if l.Outputs == nil {
		l.Outputs = map[string]Output{}
	}
	l.Outputs[inputs] = out
}
