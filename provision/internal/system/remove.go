package system

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

func (f *realFiles) Remove(name string) error {
	dir, base, err := f.parent("remove", name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	fd := int(dir.Fd())
	err = unlink(fd, base)
	if errors.Is(err, unix.EISDIR) {
		err = unix.Unlinkat(fd, base, unix.AT_REMOVEDIR)
	}
	if err == nil {
		err = unlink(fd, tempName(base))
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	f.point("remove:done")
	return synced(dir)
}

func (f *realFiles) RemoveAll(name string) error {
	dir, base, err := f.parent("remove", name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	if err := removeTree(int(dir.Fd()), base, stat.Dev); err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	return synced(dir)
}

// synced writes a folder to disk. Folders of the kernel's own file systems, such
// as control groups, have none (fsync(2): EINVAL).
func synced(dir *os.File) error {
	if err := dir.Sync(); !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// removeTree removes base of the open folder dir. A mount in it is an error,
// before anything behind the mount is touched.
func removeTree(dir int, base string, device uint64) error {
	var stat unix.Stat_t
	err := unix.Fstatat(dir, base, &stat, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unlink(dir, base)
	}
	if stat.Dev != device {
		return &fs.PathError{Op: "leaving file system at", Path: base, Err: unix.EXDEV}
	}
	fd, err := unix.Openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	folder := os.NewFile(uintptr(fd), base)
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := removeTree(fd, name, device); err != nil {
			return err
		}
	}
	return unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
}
