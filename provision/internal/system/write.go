package system

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// tempName is the one name under which a new version of base is made. That it
// is always the same is what lets the next write find the remains of a killed
// one without searching.
func tempName(base string) string {
	if len(base) > 200 {
		sum := sha256.Sum256([]byte(base))
		base = hex.EncodeToString(sum[:])
	}
	return "." + base + ".provision-new"
}

// replace lets create make a temporary name in path's folder and then renames
// it over path. On any error the temporary name is gone.
func (f *realFiles) replace(op, name string, create func(dir int, temp string) error) error {
	dir, base, err := f.parent(op, name)
	if err != nil {
		return err
	}
	defer dir.Close()
	fd, temp := int(dir.Fd()), tempName(base)
	if err := unlink(fd, temp); err != nil {
		return &fs.PathError{Op: "removing leftover of", Path: name, Err: err}
	}
	err = create(fd, temp)
	if err == nil {
		f.point(op + ":written " + name)
		err = unix.Renameat(fd, temp, fd, base)
	}
	if err == nil {
		err = unlink(fd, temp) // renaming a hard link over its own file does nothing
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: errors.Join(err, unlink(fd, temp))}
	}
	f.point(op + ":renamed " + name)
	return dir.Sync()
}

func unlink(dir int, name string) error {
	if err := unix.Unlinkat(dir, name, 0); err != nil && err != unix.ENOENT {
		return err
	}
	return nil
}

func (f *realFiles) WriteFile(name string, content io.Reader, attr Attr) error {
	var written *os.File
	hash := sha256.New()
	err := f.replace("write", name, func(dir int, temp string) error {
		fd, err := unix.Openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		written = os.NewFile(uintptr(fd), name)
		f.point("write:created")
		if err := setAttr(fd, attr); err != nil {
			return err
		}
		if _, err := io.Copy(io.MultiWriter(written, hash), content); err != nil {
			return err
		}
		return written.Sync()
	})
	if written == nil {
		return err
	}
	defer written.Close()
	if err == nil {
		f.cache.put(written, hex.EncodeToString(hash.Sum(nil)))
	}
	return err
}

// setAttr changes the owner first: chown clears setuid bits.
func setAttr(fd int, attr Attr) error {
	if err := unix.Fchown(fd, attr.UID, attr.GID); err != nil {
		return fmt.Errorf("changing owner: %w", err)
	}
	if err := unix.Fchmod(fd, attr.Mode&0o7777); err != nil {
		return fmt.Errorf("changing mode: %w", err)
	}
	return nil
}

func (f *realFiles) Link(existing, name string, attr Attr) error {
	source, err := f.openRead(existing)
	if err != nil {
		return err
	}
	defer source.Close()
	from, base, err := f.parent("link", existing)
	if err != nil {
		return err
	}
	defer from.Close()
	digest, known := f.cache.known(source)
	err = f.replace("link", name, func(dir int, temp string) error {
		if err := unix.Linkat(int(from.Fd()), base, dir, temp, 0); err != nil {
			return err
		}
		return setAttr(int(source.Fd()), attr)
	})
	if errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EMLINK) || errors.Is(err, unix.EPERM) {
		return f.WriteFile(name, source, attr)
	}
	if err == nil && known {
		f.cache.put(source, digest) // the link changed ctime, not the content
	}
	return err
}

func (f *realFiles) Symlink(target, name string) error {
	return f.replace("symlink", name, func(dir int, temp string) error {
		return unix.Symlinkat(target, dir, temp)
	})
}

func (f *realFiles) Rename(from, to string) error {
	source, sourceBase, err := f.parent("rename", from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, targetBase, err := f.parent("rename", to)
	if err != nil {
		return err
	}
	defer target.Close()
	f.point("rename:before")
	if err := unix.Renameat(int(source.Fd()), sourceBase, int(target.Fd()), targetBase); err != nil {
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	f.point("rename:after")
	return errors.Join(target.Sync(), source.Sync())
}

func (f *realFiles) Mkdir(name string, attr Attr) error {
	clean := path.Clean(name)
	if info, err := f.Lstat(clean); err == nil && info.Type == "directory" {
		return f.SetAttr(clean, attr)
	}
	if up := path.Dir(clean); up != clean {
		if _, err := f.Lstat(up); errors.Is(err, fs.ErrNotExist) {
			if err := f.Mkdir(up, Attr{Mode: 0o755}); err != nil {
				return err
			}
		}
	}
	dir, base, err := f.parent("mkdir", clean)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Mkdirat(int(dir.Fd()), base, 0o700); err != nil && err != unix.EEXIST {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	f.point("mkdir:made")
	return errors.Join(f.SetAttr(clean, attr), dir.Sync())
}

func (f *realFiles) SetAttr(name string, attr Attr) error {
	handle, err := f.open("setattr", name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := setAttr(int(handle.Fd()), attr); err != nil {
		return &fs.PathError{Op: "setattr", Path: name, Err: err}
	}
	f.point("setattr:done")
	return nil
}
