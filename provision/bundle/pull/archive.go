package pull

import (
	"context"
	"fmt"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/images"
	"provision/provision/bundle/store"
)

// fromArchive takes the images of an archive that the operator has; each becomes
// an archive of its own.
func (p *puller) fromArchive(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	dir, done, err := p.store.TempDir("archive-*")
	if err != nil {
		return store.Record{}, err
	}
	defer done()
	rec := store.Record{Ref: ref}
	list, err := images.Open(e.Image.Archive, dir, false)
	if err != nil {
		return rec, fmt.Errorf("reading images of %s: %w", e.Image.Archive, err)
	}
	for i, img := range list {
		err := images.Fits(img.Root, ref.Arch)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return rec, fmt.Errorf("cannot use image %s of %s: %w", img.Reference, e.Image.Archive, err)
		}
		row := catalogue.Entry{Name: fmt.Sprintf("%s-%d", e.Name, i+1)}
		one, err := p.keepImage(ctx, row, ref, dir, img.Reference, img.Root, store.Provenance{Source: "archive", Origin: e.Image.Archive, VouchedBy: "the operator"})
		if err != nil {
			return rec, err
		}
		rec.Artifacts, rec.Provenance = append(rec.Artifacts, one.Artifacts...), one.Provenance
	}
	return rec, nil
}
