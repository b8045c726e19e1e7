package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"provision/provision/bundle"
)

// Entry is one row: an artifact and its sources. Strings may hold the
// placeholders {version}, {arch}, {major}, {minor} and {patch}.
type Entry struct {
	Name   string
	Format bundle.Format
	// Family is the attribute of an inventory's versions block that sets the
	// version; rows of one release share it. Empty: the version is not the
	// inventory's to say.
	Family string
	// Default is the version that provision is tested with.
	Default string
	// Internal rows serve other rows only; no host is sent them.
	Internal bool

	// Exactly one of these says how to make the artifact.
	Go    *GoSource
	Own   *OwnSource
	Image *ImageSource
	Deb   *DebSource
	// Upstream is where the publisher offers it, when it does so with a checksum.
	Upstream *Upstream
}

// GoSource builds a command of a Go module.
type GoSource struct {
	Module, Version, Package string
	Tags                     []string
	// CgoArch lists the architectures whose build needs C.
	CgoArch   []string
	Libraries []string
	Stamps    []string
	Replaces  []Replace
	// LocalReplaces is the version of modules replaced by local folders.
	LocalReplaces string
	Sums          []string
}

// OwnSource is a program of ours, built together with provision.
type OwnSource struct {
	// Bytes is the program for an architecture.
	Bytes func(arch string) ([]byte, error)
}

// Replace puts a module version in the place of another.
type Replace struct{ Old, New, Version string }

// ImageSource makes an image of parts, each a layer, in this order. With none
// of them the image of that name is pulled from its registry, for all platforms
// under one digest, which is locked.
type ImageSource struct {
	Reference string // registry.k8s.io/pause:{version}

	Root     *Root
	Jars     *Jars
	Programs []Program
	// Archive is a file that the operator has, in the place of parts.
	Archive string

	// Entrypoint is what runs; nil: the first program.
	Entrypoint []string
	User       string
	WorkingDir string
	Ports, Env []string
}

// Pulled says that the image is not made but pulled from its registry.
func (i ImageSource) Pulled() bool {
	return i.Root == nil && i.Jars == nil && len(i.Programs) == 0 && i.Archive == ""
}

// Program is a static executable in an image.
type Program struct {
	Path string
	// Binary names the row that holds the executable, and Version which one of
	// it ("": the image's own version),
	Binary, Version string
	// or C says which C file of a Go module to compile.
	C *CSource
}

// Root is the file system of a minimal Debian with packages, whose maintainer
// scripts do not run.
type Root struct {
	Codename string // bookworm
	DebSource
	// Links are symbolic links that the scripts would have made, by path.
	Links map[string]string
}

// Jars are files of a Maven repository, put into a folder of the image.
type Jars struct {
	Folder string
	// Coordinates are GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]], one a file:
	// what a program depends on is listed, not resolved.
	Coordinates []string
}

// CSource is a C program in the zip of a Go module.
type CSource struct {
	Module, ModuleVersion string
	File                  string
	Flags                 []string
}

// DebSource is a package of the host's distribution, with what it needs
// beyond a minimal host. The artifact's version is the distribution's codename.
type DebSource struct {
	Packages []string
	// Repository is asked beside the distribution's own.
	Repository *Repository
}

// Repository is an apt repository that somebody else than the distribution
// signs.
type Repository struct {
	// Name is a word: how --repository NAME=URL puts a mirror in its place.
	Name string
	// URI, Suite and Components are as in sources.list; {codename} is filled in.
	URI, Suite, Components string
	// Key is the one OpenPGP key, armored, that its index must be signed with.
	Key string
}

// Upstream is a published file with a published checksum.
type Upstream struct {
	URL string
	// Checksum is a file that holds the sha256, alone or as `HASH  NAME` lines.
	Checksum string
	// Member is the file of a .tar.gz that is the artifact; empty: the file itself.
	Member string
}

// Expand fills the placeholders.
func Expand(s string, ref bundle.Ref) string {
	parts := append(strings.SplitN(ref.Version, ".", 3), "", "", "")
	patch, _, _ := strings.Cut(parts[2], "-")
	return strings.NewReplacer("{version}", ref.Version, "{arch}", ref.Arch,
		"{major}", parts[0], "{minor}", parts[1], "{patch}", patch).Replace(s)
}

// ExpandAll fills the placeholders of each string.
func ExpandAll(list []string, ref bundle.Ref) []string {
	var out []string
	for _, s := range list {
		out = append(out, Expand(s, ref))
	}
	return out
}

// Cgo says whether the build for an architecture needs C.
func (g GoSource) Cgo(arch string) bool { return slices.Contains(g.CgoArch, arch) }

// Catalogue is a set of rows.
type Catalogue []Entry

// Find returns the row of an artifact.
func (c Catalogue) Find(name string) (Entry, error) {
	for _, e := range c {
		if e.Name == name {
			return e, nil
		}
	}
	return Entry{}, fmt.Errorf("cannot obtain artifact %q: the catalogue has no such name; add a row to provision/bundle/catalogue", name)
}

// Family is a version that an inventory sets: those rows have it in common.
type Family struct {
	Name, Default string
	Artifacts     []string // in the table's order
}

// Families are those of the rows that hosts are sent, in the table's order.
func (c Catalogue) Families() []Family {
	var out []Family
	for _, e := range c {
		if e.Family == "" || e.Internal {
			continue
		}
		i := slices.IndexFunc(out, func(f Family) bool { return f.Name == e.Family })
		if i < 0 {
			i, out = len(out), append(out, Family{Name: e.Family, Default: e.Default})
		}
		out[i].Artifacts = append(out[i].Artifacts, e.Name)
	}
	return out
}

// Version is the default of a family, "" for none.
func (c Catalogue) Version(family string) string {
	for _, f := range c.Families() {
		if f.Name == family {
			return f.Default
		}
	}
	return ""
}

// Defaults are the references of all rows that hosts are sent, for an
// architecture and a distribution codename.
func (c Catalogue) Defaults(arch, codename string) []bundle.Ref {
	var out []bundle.Ref
	for _, e := range c {
		if e.Internal {
			continue
		}
		version := e.Default
		if e.Deb != nil {
			version = codename
		}
		out = append(out, bundle.Ref{Name: e.Name, Version: version, Arch: arch})
	}
	return out
}
