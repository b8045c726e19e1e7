package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/gobuild"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// Options says where artifacts may come from. The zero value uses everything
// that needs no configuration.
type Options struct {
	// Bundle is a folder that `provision bundle export` wrote.
	Bundle string
	// Mirror is the address of such a folder: https://…, or http://…#SHA256 with
	// the digest of its index.json.
	Mirror string
	// NoUpstream and NoBuild leave sources out.
	NoUpstream, NoBuild bool
	buildOnly           bool
	// Repositories are addresses by name that stand in for those of catalogue
	// rows: "maven", an apt repository's name, a registry's host.
	Repositories map[string]string
	// Catalogue, Lock, HTTP, Builder and Now are for tests and other programs.
	Catalogue catalogue.Catalogue
	Lock      *lock.Lock
	HTTP      *http.Client
	Builder   *gobuild.Builder
	Now       func() time.Time
}

// puller is one run.
type puller struct {
	opts     Options
	store    *store.Store
	pins     lock.Lock // committed with provision; never written
	progress func(Event)
	hosts    *prober
	mirrors  map[string]*mirror
	apts     map[string]packager
	index    int
	count    int
	started  time.Time
}

// Pull obtains what is missing in the store. An artifact that fails does not
// keep the others; the error names every one.
func Pull(ctx context.Context, st *store.Store, refs []bundle.Ref, opts Options, progress func(Event)) error {
	p, err := newPuller(st, opts, progress)
	if err != nil {
		return err
	}
	if err := st.Sweep(); err != nil {
		return err
	}
	refs = p.order(unique(refs))
	p.count = len(refs)
	var errs []error
	for i, ref := range refs {
		if ctx.Err() != nil {
			return errors.Join(append(errs, fmt.Errorf("pulling artifacts: %w", context.Cause(ctx)))...)
		}
		p.index = i + 1
		if err := p.obtain(ctx, ref); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Build is Pull without bundles, mirrors and publishers' releases: what can be
// built is built.
func Build(ctx context.Context, st *store.Store, refs []bundle.Ref, opts Options, progress func(Event)) error {
	opts.Bundle, opts.Mirror, opts.NoUpstream, opts.NoBuild = "", "", true, false
	opts.buildOnly = true
	return Pull(ctx, st, refs, opts, progress)
}

func newPuller(st *store.Store, opts Options, progress func(Event)) (*puller, error) {
	if opts.Catalogue == nil {
		opts.Catalogue = catalogue.Default()
	}
	if opts.Builder == nil {
		opts.Builder = &gobuild.Builder{}
	}
	if opts.HTTP == nil {
		opts.HTTP = newClient()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if progress == nil {
		progress = func(Event) {}
	}
	if err := checkRepositories(opts); err != nil {
		return nil, err
	}
	p := &puller{opts: opts, store: st, progress: progress, hosts: newProber(), mirrors: map[string]*mirror{}, apts: map[string]packager{}}
	if opts.Lock != nil {
		p.pins = *opts.Lock
		return p, nil
	}
	var err error
	p.pins, err = lock.Committed()
	return p, err
}

func (p *puller) emit(ref bundle.Ref, stage Stage, fill func(*Event)) {
	e := Event{Ref: ref, Stage: stage, Index: p.index, Count: p.count, Elapsed: p.opts.Now().Sub(p.started)}
	if fill != nil {
		fill(&e)
	}
	p.progress(e)
}

// obtain makes one artifact be in the store.
func (p *puller) obtain(ctx context.Context, ref bundle.Ref) error {
	outer := p.started // an image obtains its executable on the way
	p.started = p.opts.Now()
	defer func() { p.started = outer }()
	if p.reuse(ref) {
		return nil
	}
	unlock, err := p.store.Lock(ctx, ref, func() { p.emit(ref, Waiting, nil) })
	if err != nil {
		return err
	}
	defer unlock()
	if p.reuse(ref) { // another run obtained it meanwhile
		return nil
	}
	rec, err := p.fromSources(ctx, ref)
	return p.finish(rec, ref, err)
}

func (p *puller) reuse(ref bundle.Ref) bool {
	rec, err := p.store.Record(ref)
	if err != nil {
		return false
	}
	if _, err := p.store.Resolve(ref); err != nil {
		var corrupt *store.CorruptError
		if errors.As(err, &corrupt) {
			p.emit(ref, Passed, func(e *Event) { e.Source, e.Text = "store", err.Error() })
			_ = p.store.Remove(corrupt.Want) // it is obtained again
		}
		return false
	}
	p.emit(ref, Reused, func(e *Event) { e.Source, e.Done, e.Total = rec.Provenance.Source, rec.Size(), rec.Size() })
	return true
}

// errPass says that a source does not have an artifact; the next one is asked.
// Any other error ends the search: a wrong digest is not to be papered over.
type errPass struct{ reason string }

func (e *errPass) Error() string { return e.reason }

func pass(format string, args ...any) error { return &errPass{reason: fmt.Sprintf(format, args...)} }

// origin is one way to get an artifact.
type origin struct {
	name string
	get  func(context.Context, catalogue.Entry, bundle.Ref) (store.Record, error)
}

func (p *puller) origins(e catalogue.Entry) []origin {
	var out []origin
	if p.opts.Bundle != "" {
		out = append(out, origin{"bundle", p.fromFolder})
	}
	if p.opts.Mirror != "" {
		out = append(out, origin{"mirror", p.fromMirror})
	}
	switch {
	case e.Deb != nil:
		return append(out, origin{"apt", p.fromApt})
	case e.Own != nil:
		return append(out, origin{"provision", p.fromOwn})
	case e.Image != nil && e.Image.Archive != "":
		return append(out, origin{"archive", p.fromArchive})
	case e.Image != nil && e.Image.Pulled():
		if !p.opts.NoUpstream || p.opts.buildOnly {
			out = append(out, origin{"registry", p.fromRegistry})
		}
		return out
	}
	if e.Upstream != nil && !p.opts.NoUpstream {
		out = append(out, origin{"upstream", p.fromUpstream})
	}
	switch {
	case p.opts.NoBuild:
	case e.Image != nil:
		out = append(out, origin{"build", p.fromImage})
	case e.Go != nil:
		out = append(out, origin{"build", p.fromBuild})
	}
	return out
}

func (p *puller) fromSources(ctx context.Context, ref bundle.Ref) (store.Record, error) {
	entry, err := p.opts.Catalogue.Find(ref.Name)
	if err != nil {
		return store.Record{}, err
	}
	var why []error
	for _, o := range p.origins(entry) {
		p.emit(ref, Trying, func(e *Event) { e.Source = o.name })
		rec, err := o.get(ctx, entry, ref)
		var passed *errPass
		if errors.As(err, &passed) {
			p.emit(ref, Passed, func(e *Event) { e.Source, e.Text = o.name, passed.reason })
			why = append(why, fmt.Errorf("%s: %w", o.name, err))
			continue
		}
		if err != nil {
			return rec, err
		}
		rec.Ref, rec.Provenance.Date = ref, p.opts.Now().UTC()
		return rec, nil
	}
	if len(why) == 0 {
		return store.Record{}, errors.New("no source is allowed to give it")
	}
	return store.Record{}, fmt.Errorf("no source has it: %w", errors.Join(why...))
}

// pin checks an output against the committed lock and the store's own, and
// adds it to the latter.
func (p *puller) pin(ctx context.Context, inputs string, out lock.Output, modules []store.Module) error {
	unlock, err := p.store.LockName(ctx, "lock.json", nil)
	if err != nil {
		return err
	}
	defer unlock()
	path := filepath.Join(p.store.Dir(), "lock.json")
	own, err := lock.Load(path)
	if err != nil {
		return err
	}
	for _, l := range []lock.Lock{p.pins, own} {
		if err := l.CheckOutput(inputs, out); err != nil {
			return err
		}
		for _, m := range modules {
			if err := l.CheckModule(m.Path+"@"+m.Version, m.Sum); err != nil {
				return err
			}
		}
	}
	own.AddOutput(inputs, out)
	for _, m := range modules {
		own.AddModule(m.Path+"@"+m.Version, m.Sum)
	}
	return own.Save(path)
}

// order puts what is quick to get first, so that a missing network or key shows
// before half an hour of building, not after it.
func (p *puller) order(refs []bundle.Ref) []bundle.Ref {
	cost := func(ref bundle.Ref) int {
		e, err := p.opts.Catalogue.Find(ref.Name)
		switch {
		case err != nil:
			return 0
		case e.Go == nil && (e.Image == nil || e.Image.Archive != "" || e.Image.Pulled()):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(refs, func(a, b bundle.Ref) int { return cost(a) - cost(b) })
	return refs
}

func unique(refs []bundle.Ref) []bundle.Ref {
	seen := map[bundle.Ref]bool{}
	var out []bundle.Ref
	for _, r := range refs {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}
