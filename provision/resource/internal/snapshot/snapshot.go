package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"provision/provision/internal/system"
)

// Snapshot is what stands at a path. Type is "" when nothing does.
type Snapshot struct {
	Type   string      `json:"type,omitempty"` // as in system.Info
	Attr   system.Attr `json:"attr"`
	SHA256 string      `json:"sha256,omitempty"` // of a file
	Target string      `json:"target,omitempty"` // of a link
	// Missing are the parent folders that are not there either, outermost
	// first: Restore takes them away again if they are empty.
	Missing []string `json:"missing,omitempty"`
	// Saved is the sha256 of the saved content, once Keep ran.
	Saved string `json:"saved,omitempty"`
}

// Exists reports whether anything stands at the path.
func (s Snapshot) Exists() bool { return s.Type != "" }

// Holds reports whether it is a file with that content.
func (s Snapshot) Holds(content string) bool {
	sum := sha256.Sum256([]byte(content))
	return s.Type == "file" && s.SHA256 == hex.EncodeToString(sum[:])
}

// Text is the content of a file, "" when there is none.
func Text(files system.Files, name string) (string, error) {
	content, err := files.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(content), nil
}

// Take records what stands at name. It changes nothing.
func Take(files system.Files, name string) (Snapshot, error) {
	info, err := files.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		missing, err := missingParents(files, name)
		return Snapshot{Missing: missing}, err
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("looking at %s: %w", name, err)
	}
	taken := Snapshot{Type: info.Type, Attr: info.Attr}
	switch info.Type {
	case "file":
		taken.SHA256, err = files.Digest(name)
	case "symlink":
		taken.Attr = system.Attr{}
		taken.Target, err = files.Readlink(name)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return taken, nil
}

func missingParents(files system.Files, name string) ([]string, error) {
	var missing []string
	for dir := path.Dir(path.Clean(name)); dir != "/"; dir = path.Dir(dir) {
		_, err := files.Lstat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("looking at %s: %w", dir, err)
		}
		missing = append(missing, dir)
	}
	slices.Reverse(missing)
	return missing, nil
}

// Keep saves the content of a file, so that Restore has it.
func Keep(sys *system.System, name string, have Snapshot) (Snapshot, error) {
	if have.Type != "file" {
		return have, nil
	}
	content, err := sys.Files.Open(name)
	if err != nil {
		return have, fmt.Errorf("keeping %s: %w", name, err)
	}
	defer content.Close()
	if have.Saved, err = sys.Saved.Put(content); err != nil {
		return have, fmt.Errorf("keeping %s: %w", name, err)
	}
	return have, nil
}

// Restore puts back what was recorded. Folders are made again with their
// owner and mode; what was in them is not touched.
func Restore(sys *system.System, name string, before Snapshot) error {
	if err := restore(sys, name, before); err != nil {
		return fmt.Errorf("putting back %s: %w", name, err)
	}
	return nil
}

func restore(sys *system.System, name string, before Snapshot) error {
	switch before.Type {
	case "":
		if err := sys.Files.Remove(name); err != nil {
			return err
		}
		return RemoveEmpty(sys.Files, before.Missing)
	case "file":
		content, err := sys.Saved.Open(before.Saved)
		if err != nil {
			return err
		}
		defer content.Close()
		return Write(sys.Files, name, content, before.Attr)
	case "symlink":
		return sys.Files.Symlink(before.Target, name)
	case "directory":
		return sys.Files.Mkdir(name, before.Attr)
	}
	return fmt.Errorf("cannot make a %s", before.Type)
}

// RemoveEmpty removes folders, the last first, as far as they are empty.
func RemoveEmpty(files system.Files, folders []string) error {
	for _, dir := range slices.Backward(folders) {
		err := files.Remove(dir)
		if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.EBUSY) {
			return nil // somebody else's things are in it
		}
		if err != nil {
			return fmt.Errorf("removing %s: %w", dir, err)
		}
	}
	return nil
}

// EnsureParent makes the folder that name is in, 0755 of root's, if need be.
func EnsureParent(files system.Files, name string) error {
	dir := path.Dir(path.Clean(name))
	if _, err := files.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return files.Mkdir(dir, system.Attr{Mode: 0o755})
}

// Write writes a file, in a folder that need not be there yet.
func Write(files system.Files, name string, content io.Reader, attr system.Attr) error {
	if err := EnsureParent(files, name); err != nil {
		return fmt.Errorf("making its folder: %w", err)
	}
	return files.WriteFile(name, content, attr)
}

// CheckPath refuses names that are not clean absolute paths.
func CheckPath(name string) error {
	if !strings.HasPrefix(name, "/") || path.Clean(name) != name || name == "/" || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%q is not a clean absolute path", name)
	}
	return nil
}
