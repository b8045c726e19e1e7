package gobuild

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"provision/provision/bundle/store"
)

// download is what `go mod download -json` says of a module.
type download struct {
	Path, Version, Sum, Dir, GoMod, Error string
}

// fetch downloads a module; its checksum is checked by the go command against
// the checksum database, or against the go.sum of dir.
func (b *Builder) fetch(ctx context.Context, dir, path, version string) (download, error) {
	var d download
	out, err := b.run(ctx, dir, nil, "mod", "download", "-json", path+"@"+version)
	if jsonErr := json.Unmarshal(out, &d); jsonErr == nil && d.Error != "" {
		return d, fmt.Errorf("downloading %s@%s: %s", path, version, d.Error)
	}
	if err != nil {
		return d, fmt.Errorf("downloading %s@%s: %w", path, version, err)
	}
	return d, nil
}

// ModuleDir downloads a module and returns its folder and checksum.
func (b *Builder) ModuleDir(ctx context.Context, dir, path, version string) (string, store.Module, error) {
	if err := b.prepare(ctx); err != nil {
		return "", store.Module{}, err
	}
	d, err := b.fetch(ctx, dir, path, version)
	return d.Dir, store.Module{Path: path, Version: version, Sum: d.Sum}, err
}

// wrapper writes the go.mod and go.sum of a module that requires the one to be
// built, and returns the modules with their checksums.
func (b *Builder) wrapper(ctx context.Context, dir string, s Spec) ([]store.Module, error) {
	if len(s.Sums) > 0 {
		sums := strings.Join(s.Sums, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, "go.sum"), []byte(sums), 0o644); err != nil {
			return nil, fmt.Errorf("writing go.sum: %w", err)
		}
	}
	f := new(modfile.File)
	if err := f.AddModuleStmt("provision.invalid/build"); err != nil {
		return nil, err
	}
	if err := f.AddGoStmt("1.26.0"); err != nil {
		return nil, err
	}
	if err := writeMod(dir, f); err != nil {
		return nil, err
	}
	d, err := b.fetch(ctx, dir, s.Module, s.Version)
	if err != nil {
		return nil, err
	}
	modules := []store.Module{{Path: s.Module, Version: s.Version, Sum: d.Sum}}
	replaces, err := localReplaces(d.GoMod, s.LocalReplaces)
	if err != nil {
		return nil, err
	}
	for _, r := range append(replaces, s.Replaces...) {
		d, err := b.fetch(ctx, dir, r.New, r.Version)
		if err != nil {
			return nil, err
		}
		m := store.Module{Path: r.New, Version: r.Version, Sum: d.Sum, Replaces: r.Old}
		modules = append(modules, m)
		if err := f.AddReplace(r.Old, "", r.New, r.Version); err != nil {
			return nil, err
		}
	}
	if err := f.AddRequire(s.Module, s.Version); err != nil {
		return nil, err
	}
	return modules, writeMod(dir, f)
}

// localReplaces turns `replace X => ./staging/…` into the published X.
func localReplaces(gomod, version string) ([]Replace, error) {
	if version == "" {
		return nil, nil
	}
	data, err := os.ReadFile(gomod)
	if err != nil {
		return nil, fmt.Errorf("reading go.mod: %w", err)
	}
	// Not ParseLax: meant for dependencies, it drops the replaces.
	f, err := modfile.Parse(gomod, data, nil)
	if err != nil {
		return nil, fmt.Errorf("reading go.mod: %w", err)
	}
	var out []Replace
	for _, r := range f.Replace {
		if r.New.Version == "" {
			out = append(out, Replace{Old: r.Old.Path, New: r.Old.Path, Version: version})
		}
	}
	return out, nil
}

func writeMod(dir string, f *modfile.File) error {
	f.Cleanup()
	data, err := f.Format()
	if err != nil {
		return fmt.Errorf("writing go.mod: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), data, 0o644); err != nil {
		return fmt.Errorf("writing go.mod: %w", err)
	}
	return nil
}
