package system

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// realFiles acts on a folder as if it were the root of the file system: every
// path is resolved by the kernel inside it (openat2 with RESOLVE_IN_ROOT), so
// that neither ".." nor a symbolic link leads out.
type realFiles struct {
	root  string
	dir   *os.File // the root, open
	point func(string)
	cache *digestCache
}

func newFiles(root string, point func(string), now func() time.Time) (*realFiles, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, fmt.Errorf("opening root: %w", err)
	}
	return &realFiles{root: root, dir: dir, point: point, cache: newDigestCache(now)}, nil
}

func (f *realFiles) Path(name string) string { return filepath.Join(f.root, name) }

// open resolves name inside the root.
func (f *realFiles) open(op, name string, flags int, mode uint32) (*os.File, error) {
	fail := func(err error) (*os.File, error) { return nil, &fs.PathError{Op: op, Path: name, Err: err} }
	if !strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) {
		return fail(errors.New("not an absolute path"))
	}
	how := unix.OpenHow{
		Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(int(f.dir.Fd()), "."+name, &how) // "/." at the end follows a link
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), name), nil
		case unix.EINTR, unix.EAGAIN: // a rename elsewhere raced with the lookup
			continue
		}
		return fail(err)
	}
}

// parent opens the folder of name and returns it with name's last element.
func (f *realFiles) parent(op, name string) (*os.File, string, error) {
	clean := path.Clean(name)
	if clean == "/" {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: unix.EBUSY}
	}
	dir, err := f.open(op, path.Dir(clean), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, "", err
	}
	return dir, path.Base(clean), nil
}

func (f *realFiles) Lstat(name string) (Info, error) {
	handle, err := f.open("lstat", name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return Info{}, err
	}
	defer handle.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(handle.Fd()), &stat); err != nil {
		return Info{}, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return infoOf(&stat), nil
}

func infoOf(stat *unix.Stat_t) Info {
	kind := "other"
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		kind = "file"
	case unix.S_IFDIR:
		kind = "directory"
	case unix.S_IFLNK:
		kind = "symlink"
	}
	return Info{
		Attr: Attr{UID: int(stat.Uid), GID: int(stat.Gid), Mode: stat.Mode & 0o7777},
		Type: kind, Size: stat.Size, MTime: time.Unix(stat.Mtim.Unix()),
	}
}

func (f *realFiles) Open(name string) (io.ReadCloser, error) { return f.openRead(name) }

// openRead never blocks on a FIFO that stands where a file is expected.
func (f *realFiles) openRead(name string) (*os.File, error) {
	return f.open("open", name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
}

func (f *realFiles) ReadFile(name string) ([]byte, error) {
	handle, err := f.openRead(name)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	return io.ReadAll(handle)
}

func (f *realFiles) ReadDir(name string) ([]fs.DirEntry, error) {
	handle, err := f.open("readdir", name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	names, err := handle.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]fs.DirEntry, 0, len(names))
	for _, base := range names {
		var stat unix.Stat_t
		if unix.Fstatat(int(handle.Fd()), base, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
			continue // gone meanwhile
		}
		entries = append(entries, newEntry(base, infoOf(&stat)))
	}
	sortEntries(entries)
	return entries, nil
}

func (f *realFiles) Readlink(name string) (string, error) {
	handle, err := f.open("readlink", name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return "", err
	}
	defer handle.Close()
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(handle.Fd()), "", buffer)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buffer[:n]), nil
}

func (f *realFiles) Overwrite(name string, content []byte) error {
	handle, err := f.open("write", name, unix.O_WRONLY|unix.O_TRUNC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	_, err = handle.Write(content)
	return errors.Join(err, handle.Close())
}

func (f *realFiles) Digest(name string) (string, error) {
	handle, err := f.openRead(name)
	if err != nil {
		return "", err
	}
	defer handle.Close()
	f.cache.load(f)
	if path.Dir(name) == BlobDir {
		f.cache.receive(f)
	}
	return f.cache.digest(handle)
}

// SaveDigests writes the digest cache for the next run.
func (f *realFiles) SaveDigests() error { return f.cache.save(f) }
