package images

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Tree is a file system in the making. Owners are numbers, dates are fixed and
// entries sorted, so that the same files always yield the same layer. Contents
// wait in a file of the folder that NewTree was given.
type Tree struct {
	spool   *os.File
	size    int64
	entries map[string]entry
	merged  bool
}

// entry is a file, a folder or a link; contents lie at an offset of the spool.
type entry struct {
	kind       byte
	mode       int64
	uid, gid   int
	link       string
	at, length int64
}

// NewTree makes an empty tree. Close it when its layer was written.
func NewTree(dir string) (*Tree, error) {
	spool, err := os.CreateTemp(dir, "tree-*")
	if err != nil {
		return nil, fmt.Errorf("preparing a layer: %w", err)
	}
	return &Tree{spool: spool, entries: map[string]entry{}}, nil
}

// Close gives the contents up.
func (t *Tree) Close() error { return errors.Join(t.spool.Close(), os.Remove(t.spool.Name())) }

// MergeUsr puts what packages ship in /bin, /sbin and /lib* below /usr, with
// links in their places, as every Debian since 12 has it.
func (t *Tree) MergeUsr() {
	t.merged = true
	for _, top := range []string{"bin", "lib", "lib64", "sbin"} {
		t.entries[top] = entry{kind: tar.TypeSymlink, mode: 0o777, link: "usr/" + top}
		t.entries["usr/"+top] = entry{kind: tar.TypeDir, mode: 0o755}
	}
}

func (t *Tree) clean(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	top, _, below := strings.Cut(name, "/")
	if t.merged && below && slices.Contains([]string{"bin", "lib", "lib64", "sbin"}, top) {
		return "usr/" + name
	}
	return name
}

// AddFile adds a file that root owns.
func (t *Tree) AddFile(name string, mode int64, content io.Reader) error {
	return t.add(name, entry{kind: tar.TypeReg, mode: mode}, content)
}

// AddLink adds a symbolic link.
func (t *Tree) AddLink(name, target string) error {
	return t.add(name, entry{kind: tar.TypeSymlink, mode: 0o777, link: target}, nil)
}

func (t *Tree) add(name string, e entry, content io.Reader) error {
	name = t.clean(name)
	if e.kind == tar.TypeReg {
		n, err := io.Copy(t.spool, content)
		e.at, e.length = t.size, n
		t.size += n
		if err != nil {
			return fmt.Errorf("packing %s: %w", name, err)
		}
	}
	have, there := t.entries[name]
	switch {
	case !there:
	case have.kind == tar.TypeDir && e.kind == tar.TypeDir:
		return nil // the first that ships a folder says its mode
	case have.kind == tar.TypeSymlink && e.kind == tar.TypeDir && t.merged && "usr/"+name == have.link:
		return nil // /lib of a package from before the merge
	case have.kind == tar.TypeSymlink && e.kind == tar.TypeSymlink && have.link == e.link:
		return nil
	default:
		return fmt.Errorf("packing %s: two packages have it", name)
	}
	t.entries[name] = e
	return nil
}

// AddTar adds the entries of an archive that keep accepts; nil accepts all.
func (t *Tree) AddTar(r io.Reader, keep func(name string) bool) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpacking: %w", err)
		}
		name := t.clean(h.Name)
		if name == "" || keep != nil && !keep(name) {
			continue
		}
		e := entry{kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, link: h.Linkname}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeDir, tar.TypeSymlink:
		case tar.TypeLink: // a second name of the same bytes
			same, there := t.entries[t.clean(h.Linkname)]
			if !there || same.kind != tar.TypeReg {
				return fmt.Errorf("unpacking %s: it is a link to %s, which is not in the archive", name, h.Linkname)
			}
			t.entries[name] = same
			continue
		default:
			return fmt.Errorf("unpacking %s: an image cannot hold entries of type %q", name, h.Typeflag)
		}
		if err := t.add(name, e, tr); err != nil {
			return err
		}
	}
}

// Read returns the content of a small file, "" when it is not there.
func (t *Tree) Read(name string) (string, error) {
	e, there := t.entries[t.clean(name)]
	if !there || e.kind != tar.TypeReg {
		return "", nil
	}
	data := make([]byte, e.length)
	_, err := t.spool.ReadAt(data, e.at)
	return string(data), err
}

// Layer writes the tree as a layer, into a file of dir.
func (t *Tree) Layer(dir string) (*Layer, error) {
	for name := range t.entries {
		for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
			if _, there := t.entries[parent]; !there {
				t.entries[parent] = entry{kind: tar.TypeDir, mode: 0o755}
			}
		}
	}
	names := make([]string, 0, len(t.entries))
	for name := range t.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return writeLayer(dir, func(tw *tar.Writer) error {
		for _, name := range names {
			if err := t.write(tw, name); err != nil {
				return fmt.Errorf("packing %s: %w", name, err)
			}
		}
		return nil
	})
}

func (t *Tree) write(tw *tar.Writer, name string) error {
	e := t.entries[name]
	h := &tar.Header{Typeflag: e.kind, Name: name, Linkname: e.link, Mode: e.mode, Uid: e.uid, Gid: e.gid, Size: e.length, ModTime: epoch()}
	if e.kind == tar.TypeDir {
		h.Name += "/"
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(tw, io.NewSectionReader(t.spool, e.at, e.length))
	return err
}
