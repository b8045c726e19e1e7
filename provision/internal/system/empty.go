package system

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Empty removes what is in a folder, then the folder itself, unless a disk is
// mounted there or keep is set. A file is removed; what is missing is no error.
// Of a link to a folder, what is in that folder goes; the link was there before,
// and stays.
func Empty(files Files, path string, keep bool) error {
	info, err := files.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("emptying %s: %w", path, err)
	}
	real, err := Behind(files, path)
	if err != nil {
		return err
	}
	if info.Type == "symlink" {
		if info, err = files.Lstat(real); errors.Is(err, fs.ErrNotExist) {
			return nil // it leads nowhere
		}
		if err != nil {
			return fmt.Errorf("emptying %s: %w", path, err)
		}
		keep = keep || info.Type == "directory"
	}
	if info.Type == "directory" {
		entries, err := files.ReadDir(real)
		if err != nil {
			return fmt.Errorf("emptying %s: %w", path, err)
		}
		for _, entry := range entries {
			if err := files.RemoveAll(real + "/" + entry.Name()); err != nil {
				return fmt.Errorf("emptying %s: %w", path, err)
			}
		}
	}
	if keep {
		return nil
	}
	if err := files.Remove(path); err != nil && !errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	return nil
}
