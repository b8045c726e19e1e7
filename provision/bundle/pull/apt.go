package pull

import (
	"cmp"
	"context"
	"os"
	"path/filepath"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/debs"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// fromApt fetches OS packages; the version of the reference is the codename.
func (p *puller) fromApt(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	list, from, err := p.packages(ctx, ref, *e.Deb, ref.Version, func(a packager) ([]debs.Package, error) {
		return a.Closure(ctx, e.Deb.Packages...)
	})
	rec := store.Record{Ref: ref, Provenance: from}
	for _, d := range list {
		rec.Artifacts = append(rec.Artifacts, bundle.Artifact{
			Ref: ref, File: d.File, Format: bundle.Deb, SHA256: d.SHA256, Size: d.Size, Package: d.Name, PackageVersion: d.Version,
		})
	}
	return rec, err
}

// packages resolves packages of a release and takes their files into the store.
func (p *puller) packages(ctx context.Context, ref bundle.Ref, src catalogue.DebSource, codename string, resolve func(packager) ([]debs.Package, error)) ([]debs.Package, store.Provenance, error) {
	from := store.Provenance{Source: "apt", VouchedBy: "signature of the distribution's archive"}
	name := "apt-" + codename + "-" + ref.Arch
	if src.Repository != nil {
		name += "-" + src.Repository.Name
		from.VouchedBy += ", key of the repository " + src.Repository.Name
	}
	unlock, err := p.store.LockName(ctx, name, func() { p.emit(ref, Waiting, nil) })
	if err != nil {
		return nil, from, err
	}
	defer unlock()
	apt, err := p.apt(ctx, name, codename, ref.Arch, src.Repository)
	if err != nil {
		return nil, from, err
	}
	from.Origin = apt.Origin()
	list, err := resolve(apt)
	if err != nil {
		return nil, from, err
	}
	return list, from, p.keepPackages(ctx, apt, ref, codename, list)
}

func (p *puller) keepPackages(ctx context.Context, apt packager, ref bundle.Ref, codename string, list []debs.Package) error {
	dir, done, err := p.store.TempDir("debs-*")
	if err != nil {
		return err
	}
	defer done()
	var missing []debs.Package
	for _, d := range list {
		if !p.store.Has(d.SHA256) {
			missing = append(missing, d)
		}
	}
	p.emit(ref, Downloading, func(ev *Event) { ev.Source, ev.Total = "apt", sizeOf(missing) })
	if len(missing) > 0 {
		if err := apt.Download(ctx, dir, missing); err != nil {
			return err
		}
	}
	for _, d := range list {
		// A package file of one version never changes.
		id := d.File + "@" + codename
		if err := p.pin(ctx, id, lock.Output{Artifact: d.File, SHA256: d.SHA256, Size: d.Size, Note: d.URL}, nil); err != nil {
			return err
		}
	}
	for _, d := range missing {
		if _, _, err := p.store.AddFile(filepath.Join(dir, d.File), d.SHA256); err != nil {
			return err
		}
	}
	return nil
}

// packager is apt, or a test's.
type packager interface {
	Origin() string
	Closure(ctx context.Context, packages ...string) ([]debs.Package, error)
	Root(ctx context.Context, packages ...string) ([]debs.Package, error)
	Download(ctx context.Context, dir string, list []debs.Package) error
}

// apt keeps one apt state per release, architecture and repository for a run.
func (p *puller) apt(ctx context.Context, name, codename, arch string, more *catalogue.Repository) (packager, error) {
	if a, ok := p.apts[name]; ok {
		return a, nil
	}
	dir := filepath.Join(p.store.Dir(), "apt", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var second *debs.Repository
	if more != nil {
		at := bundle.Ref{Name: more.Name, Version: codename, Arch: arch}
		second = &debs.Repository{
			URI:   cmp.Or(p.opts.Repositories[more.Name], catalogue.Expand(more.URI, at)),
			Suite: catalogue.Expand(more.Suite, at), Components: catalogue.Expand(more.Components, at), Key: more.Key,
		}
	}
	a, err := debs.New(ctx, dir, codename, arch, second)
	if err == nil {
		p.apts[name] = a
	}
	return a, err
}

func sizeOf(list []debs.Package) int64 {
	var n int64
	for _, d := range list {
		n += d.Size
	}
	return n
}
