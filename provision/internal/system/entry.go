package system

import (
	"io/fs"
	"slices"
	"strings"
	"time"
)

// entry is a folder entry that was looked at without following links.
type entry struct {
	name string
	info Info
}

func newEntry(name string, info Info) fs.DirEntry { return entry{name, info} }

func sortEntries(entries []fs.DirEntry) {
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.info.Type == "directory" }
func (e entry) Type() fs.FileMode          { return e.Mode().Type() }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Size() int64                { return e.info.Size }
func (e entry) ModTime() time.Time         { return e.info.MTime }
func (e entry) Sys() any                   { return e.info }

func (e entry) Mode() fs.FileMode {
	mode := fs.FileMode(e.info.Mode & 0o777)
	switch e.info.Type {
	case "directory":
		mode |= fs.ModeDir
	case "symlink":
		mode |= fs.ModeSymlink
	case "other":
		mode |= fs.ModeIrregular
	}
	return mode
}
