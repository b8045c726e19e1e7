package pull

import (
	"context"
	"path/filepath"
	"time"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/gobuild"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

func specOf(g *catalogue.GoSource, ref bundle.Ref) gobuild.Spec {
	s := gobuild.Spec{
		Module: g.Module, Version: catalogue.Expand(g.Version, ref), Package: g.Package, Arch: ref.Arch,
		Tags: g.Tags, Cgo: g.Cgo(ref.Arch), Stamps: catalogue.ExpandAll(g.Stamps, ref),
		LocalReplaces: catalogue.Expand(g.LocalReplaces, ref), Sums: catalogue.ExpandAll(g.Sums, ref),
	}
	if s.Cgo {
		s.Libraries = g.Libraries
	}
	for _, r := range g.Replaces {
		s.Replaces = append(s.Replaces, gobuild.Replace{Old: r.Old, New: r.New, Version: catalogue.Expand(r.Version, ref)})
	}
	return s
}

// fromBuild builds a command from source.
func (p *puller) fromBuild(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	dir, done, err := p.store.TempDir("build-*")
	if err != nil {
		return store.Record{}, err
	}
	defer done()
	spec := specOf(e.Go, ref)
	p.emit(ref, Building, func(ev *Event) { ev.Source, ev.Text = "build", "downloading modules" })
	plan, err := p.opts.Builder.Plan(ctx, spec, dir)
	if err != nil {
		return store.Record{}, err
	}
	// Refuse an unexpected module before its code is compiled.
	for _, m := range plan.Inputs.Modules {
		if err := p.pins.CheckModule(m.Path+"@"+m.Version, m.Sum); err != nil {
			return store.Record{}, err
		}
	}
	out := filepath.Join(dir, "out", e.Name)
	var last time.Time
	err = p.opts.Builder.Build(ctx, spec, dir, out, func(n, total int) {
		if now := p.opts.Now(); now.Sub(last) > 500*time.Millisecond || n == total {
			last = now
			p.emit(ref, Building, func(ev *Event) { ev.Source, ev.Done, ev.Total = "build", int64(n), int64(total) })
		}
	})
	if err != nil {
		return store.Record{}, err
	}
	sum, size, err := store.HashFile(out)
	if err != nil {
		return store.Record{}, err
	}
	pinned := lock.Output{Artifact: ref.String(), SHA256: sum, Size: size, Note: plan.Inputs.Go}
	if err := p.pin(ctx, plan.Hash, pinned, plan.Inputs.Modules); err != nil {
		return store.Record{}, err
	}
	if _, _, err := p.store.AddFile(out, sum); err != nil {
		return store.Record{}, err
	}
	return store.Record{
		Ref:        ref,
		Artifacts:  []bundle.Artifact{{Ref: ref, File: e.Name, Format: e.Format, SHA256: sum, Size: size}},
		Provenance: plan.Provenance(),
	}, nil
}
