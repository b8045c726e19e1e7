package file

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"provision/provision/internal/system"
)

// aside is the end of the names of what was set aside.
const aside = ".set-aside"

// ahead are the files of the folder that come before the file and have an ending
// of First: programs that read one file of a folder would read them instead.
func ahead(files system.Files, name string, want Spec) ([]string, error) {
	if len(want.First) == 0 {
		return nil, nil
	}
	entries, err := files.ReadDir(path.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking into the folder of %s: %w", name, err)
	}
	var found []string
	for _, entry := range entries {
		if entry.Name() < path.Base(name) && slices.Contains(want.First, path.Ext(entry.Name())) && !entry.IsDir() {
			found = append(found, entry.Name())
		}
	}
	slices.Sort(found)
	return found, nil
}

// setAside renames them, so that nothing of anybody is lost.
func setAside(sys *system.System, name string, want Spec) error {
	found, err := ahead(sys.Files, name, want)
	if err != nil {
		return err
	}
	for _, each := range found {
		full := path.Join(path.Dir(name), each)
		if err := sys.Files.Rename(full, full+aside); err != nil {
			return fmt.Errorf("setting %s aside: %w", full, err)
		}
		sys.Point("file:aside")
	}
	return nil
}

// bringBack undoes setAside for what was there before the first apply, unless
// something stands in its place by now.
func bringBack(sys *system.System, name string, before State) error {
	for _, each := range before.Ahead {
		full := path.Join(path.Dir(name), each)
		if _, err := sys.Files.Lstat(full); err == nil || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := sys.Files.Rename(full+aside, full); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("bringing back %s: %w", full, err)
		}
		sys.Point("file:back")
	}
	return nil
}
