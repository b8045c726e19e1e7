package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// maxIndex bounds what is read of an index before it is trusted.
const maxIndex = 64 << 20

// mirror is an index that was read in this run, or why it was not.
type mirror struct {
	index store.Index
	err   error
}

// blobOpener opens a blob of a bundle, wherever that lies.
type blobOpener func(ctx context.Context, digest string) (io.ReadCloser, error)

// fromFolder takes an artifact from an exported folder.
func (p *puller) fromFolder(ctx context.Context, _ catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	dir := p.opts.Bundle
	idx, err := p.once(dir, func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, store.IndexFile)) })
	if err != nil {
		return store.Record{}, fmt.Errorf("cannot use bundle %s: %w; give a folder that `provision bundle export` wrote", dir, err)
	}
	rec, ok := idx.Find(ref)
	if !ok {
		return rec, pass("it is not in %s", dir)
	}
	return p.take(ctx, rec, "bundle", dir, func(_ context.Context, digest string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(dir, store.BlobFolder, digest))
	})
}

// fromMirror takes an artifact from an exported folder on a web server.
func (p *puller) fromMirror(ctx context.Context, _ catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	base, pinned, err := mirrorAddress(p.opts.Mirror)
	if err != nil {
		return store.Record{}, err
	}
	idx, err := p.once(base, func() ([]byte, error) {
		data, err := p.getSmall(ctx, base+"/"+store.IndexFile, maxIndex)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(data); pinned != "" && hex.EncodeToString(sum[:]) != pinned {
			return nil, fmt.Errorf("cannot use mirror %s: its index has sha256 %x, not %s", base, sum, pinned)
		}
		return data, nil
	})
	if err != nil {
		return store.Record{}, err
	}
	rec, ok := idx.Find(ref)
	if !ok {
		return rec, pass("it is not on %s", base)
	}
	return p.take(ctx, rec, "mirror", base, func(ctx context.Context, digest string) (io.ReadCloser, error) {
		resp, err := p.get(ctx, base+"/"+store.BlobFolder+"/"+digest)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	})
}

// mirrorAddress demands what can vouch for an index: TLS, or its digest.
func mirrorAddress(address string) (base, pinned string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", fmt.Errorf("reading the mirror's address: %w", err)
	}
	pinned, u.Fragment = u.Fragment, ""
	base = strings.TrimSuffix(u.String(), "/")
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return "", "", fmt.Errorf("cannot use mirror %q: give an https:// address", address)
	case u.Scheme == "http" && pinned == "":
		return "", "", fmt.Errorf("cannot use mirror %s: nothing vouches for plain HTTP; use https://, or add # and the sha256 of its %s", base, store.IndexFile)
	}
	return base, pinned, nil
}

// once reads an index once a run.
func (p *puller) once(key string, read func() ([]byte, error)) (store.Index, error) {
	if m, ok := p.mirrors[key]; ok {
		return m.index, m.err
	}
	m := &mirror{}
	data, err := read()
	if err == nil {
		m.index, err = store.ParseIndex(data)
	}
	m.err = err
	p.mirrors[key] = m
	return m.index, m.err
}

// take stores the blobs of a record that somebody else made.
func (p *puller) take(ctx context.Context, rec store.Record, source, origin string, open blobOpener) (store.Record, error) {
	if err := p.checkForeign(ctx, rec); err != nil {
		return rec, err
	}
	for _, a := range rec.Artifacts {
		if p.store.Has(a.SHA256) {
			continue
		}
		r, err := open(ctx, a.SHA256)
		if err != nil {
			return rec, fmt.Errorf("reading %s: %w", a.File, err)
		}
		_, _, err = p.store.Add(p.counting(ctx, rec.Ref, source, r, a.Size), a.SHA256)
		r.Close()
		if err != nil {
			return rec, err
		}
	}
	rec.Provenance.Source, rec.Provenance.Origin = source, origin
	return rec, nil
}

// checkForeign compares a foreign record with the locks: same inputs must have
// the same digest, wherever they were built. Only a single blob has inputs.
func (p *puller) checkForeign(ctx context.Context, rec store.Record) error {
	if in := rec.Provenance.Inputs; in != "" && len(rec.Artifacts) == 1 {
		a := rec.Artifacts[0]
		return p.pin(ctx, in, lock.Output{Artifact: rec.Ref.String(), SHA256: a.SHA256, Size: a.Size, Note: rec.Provenance.Go}, rec.Provenance.Modules)
	}
	return nil
}

// counting reports how much has been read, and stops when ctx ends.
func (p *puller) counting(ctx context.Context, ref bundle.Ref, source string, r io.Reader, total int64) io.Reader {
	return &counter{ctx: ctx, r: r, step: 8 << 20, report: func(n int64) {
		p.emit(ref, Downloading, func(e *Event) { e.Source, e.Done, e.Total = source, n, total })
	}}
}

type counter struct {
	ctx     context.Context
	r       io.Reader
	n, last int64
	step    int64
	report  func(int64)
}

func (c *counter) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b)
	c.n += int64(n)
	if c.n-c.last >= c.step || err == io.EOF && c.n > c.last {
		c.last = c.n
		c.report(c.n)
	}
	return n, err
}
