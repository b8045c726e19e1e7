package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/target"
)

// partSuffix marks files that are being written; their names begin with a dot,
// too. One that is older than stale was left by something that was killed.
const (
	partSuffix = ".part"
	stale      = 24 * time.Hour
)

// reserve stays free on the folder's file system.
const reserve = 64 << 20

// Folder is a target.Target. Nothing outside the folder is reached, whatever
// links lie in it.
type Folder struct {
	name, path string
	root       *os.Root
}

var _ target.Target = (*Folder)(nil)

// Open opens a folder, and makes it, root-only, when it is not there.
func Open(name, folder string) (*Folder, error) {
	if !path.IsAbs(folder) {
		return nil, fmt.Errorf("folder %q of target %s is not absolute", folder, name)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of target %s: %w", name, err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of target %s: %w", name, err)
	}
	return &Folder{name: name, path: folder, root: root}, nil
}

// Name implements target.Target.
func (f *Folder) Name() string { return f.name }

// Close implements target.Target.
func (f *Folder) Close() error { return f.root.Close() }

// Put implements target.Target.
func (f *Folder) Put(ctx context.Context, name string, content io.ReadSeeker, size int64) error {
	return f.Write(ctx, name, content, size)
}

// Write is Put for what can be read once only.
func (f *Folder) Write(ctx context.Context, name string, content io.Reader, size int64) error {
	if err := target.CheckName(name); err != nil {
		return err
	}
	dir := path.Dir(name)
	if err := f.root.MkdirAll(dir, 0o700); err != nil {
		return f.failed("writing", name, err)
	}
	f.sweep(dir)
	if err := f.room(size); err != nil {
		return f.failed("writing", name, err)
	}
	part := path.Join(dir, "."+path.Base(name)+partSuffix)
	if err := f.fill(ctx, part, content, size); err != nil {
		_ = f.root.Remove(part)
		return f.failed("writing", name, err)
	}
	if err := f.root.Rename(part, name); err != nil {
		_ = f.root.Remove(part)
		return f.failed("writing", name, err)
	}
	if err := f.sync(dir); err != nil {
		return f.failed("writing", name, err)
	}
	return nil
}

func (f *Folder) fill(ctx context.Context, part string, content io.Reader, size int64) error {
	if err := f.root.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := f.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(file, backup.Reader(ctx, io.LimitReader(content, size+1)))
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came where %d were announced", n, size)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func (f *Folder) sync(dir string) error {
	opened, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}

// room refuses what would fill the file system: it may be somebody else's, too.
func (f *Folder) room(size int64) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(f.path, &stat); err != nil {
		return fmt.Errorf("asking for free space: %w", err)
	}
	free := int64(stat.Bavail) * stat.Bsize
	if free < size+reserve {
		return fmt.Errorf("%d MiB are free there, and %d MiB are needed, of which %d stay free: %w", free>>20, (size+reserve)>>20, reserve>>20, unix.ENOSPC)
	}
	return nil
}

// sweep removes what killed writers left.
func (f *Folder) sweep(dir string) {
	entries, err := fs.ReadDir(f.root.FS(), dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), ".") && strings.HasSuffix(entry.Name(), partSuffix) && time.Since(info.ModTime()) > stale {
			_ = f.root.Remove(path.Join(dir, entry.Name()))
		}
	}
}

// Get implements target.Target.
func (f *Folder) Get(_ context.Context, name string) (io.ReadCloser, error) {
	if err := target.CheckName(name); err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, f.failed("reading", name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		_ = file.Close()
		return nil, f.failed("reading", name, err)
	}
	return file, nil
}

// List implements target.Target.
func (f *Folder) List(ctx context.Context, prefix string) ([]target.Info, error) {
	var list []target.Info
	err := fs.WalkDir(f.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // went meanwhile
		}
		if err != nil {
			return err
		}
		if entry.IsDir() {
			ours := strings.HasPrefix(name+"/", prefix) || strings.HasPrefix(prefix, name+"/")
			if name != "." && (!ours || strings.HasPrefix(entry.Name(), ".")) {
				return fs.SkipDir
			}
			return ctx.Err()
		}
		info, err := entry.Info()
		if err != nil || !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), ".") || !strings.HasPrefix(name, prefix) {
			return nil //nolint:nilerr // went meanwhile, or is none of ours
		}
		list = append(list, target.Info{Name: name, Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	if err != nil {
		return nil, f.failed("listing", prefix, err)
	}
	slices.SortFunc(list, func(a, b target.Info) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Delete implements target.Target.
func (f *Folder) Delete(_ context.Context, name string) error {
	if err := target.CheckName(name); err != nil {
		return err
	}
	if err := f.root.Remove(name); err != nil {
		return f.failed("deleting", name, err)
	}
	return nil
}

func (f *Folder) failed(doing, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(target.ErrNotFound, err)
	}
	return fmt.Errorf("%s %s in %s: %w", doing, name, f.path, err)
}
