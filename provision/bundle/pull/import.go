package pull

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
)

// Import takes everything of an exported folder or tar archive into the store.
func Import(ctx context.Context, st *store.Store, path string, opts Options, progress func(Event)) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("importing artifacts: %w", err)
	}
	opts.Bundle, opts.Mirror, opts.NoUpstream, opts.NoBuild = path, "", true, true
	p, err := newPuller(st, opts, progress)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return p.importTar(ctx, path)
	}
	data, err := os.ReadFile(path + "/" + store.IndexFile)
	if err != nil {
		return fmt.Errorf("importing artifacts: %w", err)
	}
	idx, err := store.ParseIndex(data)
	if err != nil {
		return err
	}
	p.count = len(idx.Records)
	var errs []error
	for i, rec := range idx.Records {
		p.index = i + 1
		errs = append(errs, p.importRecord(ctx, rec))
	}
	return errors.Join(errs...)
}

// importRecord does not ask the catalogue: a bundle may hold what this
// provision no longer lists.
func (p *puller) importRecord(ctx context.Context, rec store.Record) error {
	p.started = p.opts.Now()
	if p.reuse(rec.Ref) {
		return nil
	}
	got, err := p.take(ctx, rec, "bundle", p.opts.Bundle, func(_ context.Context, digest string) (io.ReadCloser, error) {
		return os.Open(p.opts.Bundle + "/" + store.BlobFolder + "/" + digest)
	})
	return p.finish(got, rec.Ref, err)
}

func (p *puller) finish(rec store.Record, ref bundle.Ref, err error) error {
	if err == nil {
		err = p.store.Put(rec)
	}
	if err != nil {
		err = fmt.Errorf("obtaining %s: %w", ref, err)
		p.emit(ref, Failed, func(e *Event) { e.Err, e.Text = err, err.Error() })
		return err
	}
	p.emit(ref, Stored, func(e *Event) { e.Source, e.Done, e.Total = rec.Provenance.Source, rec.Size(), rec.Size() })
	return nil
}

// importTar reads the index, which comes first, then each blob; records are
// written at the end, when all their blobs are there.
func (p *puller) importTar(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("importing artifacts: %w", err)
	}
	defer f.Close()
	tr := tar.NewReader(f)
	h, err := tr.Next()
	if err != nil || h.Name != store.IndexFile || h.Size > maxIndex {
		return fmt.Errorf("cannot import %s: it does not start with %s; was it written by `provision bundle export`?", path, store.IndexFile)
	}
	data, err := io.ReadAll(tr)
	if err != nil {
		return fmt.Errorf("importing %s: %w", path, err)
	}
	idx, err := store.ParseIndex(data)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, rec := range idx.Records {
		if err := p.checkForeign(ctx, rec); err != nil {
			return err
		}
		for _, a := range rec.Artifacts {
			wanted[store.BlobFolder+"/"+a.SHA256] = true
		}
	}
	if err := p.importBlobs(ctx, tr, wanted); err != nil {
		return fmt.Errorf("importing %s: %w", path, err)
	}
	p.count = len(idx.Records)
	var errs []error
	for i, rec := range idx.Records {
		p.index = i + 1
		if !p.reuse(rec.Ref) {
			rec.Provenance.Source, rec.Provenance.Origin = "bundle", path
			errs = append(errs, p.finish(rec, rec.Ref, nil))
		}
	}
	return errors.Join(errs...)
}

func (p *puller) importBlobs(ctx context.Context, tr *tar.Reader, wanted map[string]bool) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !wanted[h.Name] {
			return fmt.Errorf("%q is not in the index", h.Name)
		}
		digest := h.Name[len(store.BlobFolder)+1:]
		if p.store.Has(digest) {
			continue
		}
		if _, _, err := p.store.Add(tr, digest); err != nil {
			return err
		}
	}
}
