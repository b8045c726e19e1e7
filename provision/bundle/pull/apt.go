package pull

import (
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
	name := "apt-" + ref.Version + "-" + ref.Arch
	unlock, err := p.store.LockName(ctx, name, func() { p.emit(ref, Waiting, nil) })
	if err != nil {
		return store.Record{}, err
	}
	defer unlock()
	apt, err := p.apt(ctx, name, ref)
	if err != nil {
		return store.Record{}, err
	}
	list, err := apt.Closure(ctx, e.Deb.Packages...)
	if err != nil {
		return store.Record{}, err
	}
	dir, done, err := p.store.TempDir("debs-*")
	if err != nil {
		return store.Record{}, err
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
			return store.Record{}, err
		}
	}
	rec := store.Record{Ref: ref, Provenance: store.Provenance{
		Source: "apt", Origin: apt.Origin(), VouchedBy: "signature of the distribution's archive",
	}}
	for _, d := range list {
		// A package file of one version never changes.
		id := d.File + "@" + ref.Version
		if err := p.pin(ctx, id, lock.Output{Artifact: d.File, SHA256: d.SHA256, Size: d.Size, Note: d.URL}, nil); err != nil {
			return store.Record{}, err
		}
		if !p.store.Has(d.SHA256) {
			if _, _, err := p.store.AddFile(filepath.Join(dir, d.File), d.SHA256); err != nil {
				return store.Record{}, err
			}
		}
		rec.Artifacts = append(rec.Artifacts, bundle.Artifact{
			Ref: ref, File: d.File, Format: bundle.Deb, SHA256: d.SHA256, Size: d.Size, Package: d.Name, PackageVersion: d.Version,
		})
	}
	return rec, nil
}

// apt keeps one apt state per release and architecture for a run.
func (p *puller) apt(ctx context.Context, name string, ref bundle.Ref) (*debs.Apt, error) {
	if a, ok := p.apts[name]; ok {
		return a, nil
	}
	dir := filepath.Join(p.store.Dir(), "apt", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	a, err := debs.New(ctx, dir, ref.Version, ref.Arch)
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
