package pull

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// maxArtifact bounds what a download or an archive member may unpack to.
const maxArtifact = 2 << 30

// fromUpstream downloads what the publisher offers. Its sha256 comes from a
// lock, or else from the publisher's checksum file and is locked from then on.
func (p *puller) fromUpstream(ctx context.Context, e catalogue.Entry, ref bundle.Ref) (store.Record, error) {
	address := catalogue.Expand(e.Upstream.URL, ref)
	want, voucher, err := p.expected(ctx, e, ref, address)
	if err != nil {
		return store.Record{}, err
	}
	dir, done, err := p.store.TempDir("upstream-*")
	if err != nil {
		return store.Record{}, err
	}
	defer done()
	file, err := p.download(ctx, ref, "upstream", address, dir)
	if err != nil {
		return store.Record{}, err
	}
	sum, size, err := store.HashFile(file)
	if err != nil {
		return store.Record{}, err
	}
	if sum != want {
		return store.Record{}, &lock.MismatchError{What: address, Want: want + " (" + voucher + ")", Got: sum}
	}
	if err := p.pin(ctx, address, lock.Output{Artifact: ref.String(), SHA256: sum, Size: size}, nil); err != nil {
		return store.Record{}, err
	}
	if e.Upstream.Member != "" {
		if file, err = extract(file, catalogue.Expand(e.Upstream.Member, ref), dir); err != nil {
			return store.Record{}, err
		}
	}
	art := bundle.Artifact{Ref: ref, File: e.Name, Format: e.Format}
	if art.SHA256, art.Size, err = p.store.AddFile(file, ""); err != nil {
		return store.Record{}, err
	}
	return store.Record{
		Ref: ref, Artifacts: []bundle.Artifact{art},
		Provenance: store.Provenance{Source: "upstream", Origin: address, VouchedBy: voucher},
	}, nil
}

// expected is the sha256 that the download must have, and who says so.
func (p *puller) expected(ctx context.Context, e catalogue.Entry, ref bundle.Ref, address string) (want, voucher string, err error) {
	out, err := p.locked(address)
	if err != nil || out.SHA256 != "" {
		return out.SHA256, "lock", err
	}
	sums := catalogue.Expand(e.Upstream.Checksum, ref)
	data, err := p.getSmall(ctx, sums, 1<<20)
	if err != nil {
		return "", "", err
	}
	want, err = parseChecksum(data, path.Base(address))
	if err != nil {
		return "", "", fmt.Errorf("reading %s: %w", sums, err)
	}
	return want, sums, nil
}

// locked is what the locks say of inputs, the zero Output when nothing.
func (p *puller) locked(inputs string) (lock.Output, error) {
	if out, ok := p.pins.Outputs[inputs]; ok {
		return out, nil
	}
	own, err := lock.Load(filepath.Join(p.store.Dir(), "lock.json"))
	return own.Outputs[inputs], err
}

// parseChecksum reads a sha256 alone, or `HASH  NAME` lines as sha256sum writes.
func parseChecksum(data []byte, name string) (string, error) {
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for _, line := range lines {
		f := strings.Fields(line)
		alone := len(f) == 1 && len(lines) == 1
		named := len(f) == 2 && path.Base(strings.TrimPrefix(f[1], "*")) == name
		if !alone && !named {
			continue
		}
		hash := strings.ToLower(f[0])
		if len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
			return "", fmt.Errorf("%q is not a sha256", f[0])
		}
		return hash, nil
	}
	return "", fmt.Errorf("no sha256 of %s in it", name)
}

// download fetches a URL into dir. A broken transfer is a pass: nothing of it
// is kept, and another source may do.
func (p *puller) download(ctx context.Context, ref bundle.Ref, source, address, dir string) (string, error) {
	resp, err := p.get(ctx, address)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	file := filepath.Join(dir, "download")
	f, err := os.Create(file)
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", address, err)
	}
	body := p.counting(ctx, ref, source, io.LimitReader(resp.Body, maxArtifact), resp.ContentLength)
	_, err = io.Copy(f, body)
	if closeErr := f.Close(); closeErr != nil {
		return "", fmt.Errorf("downloading %s: %w", address, closeErr)
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", pass("downloading %s: %s", address, err)
	}
	return file, nil
}

// extract takes one file out of a .tar.gz.
func extract(archive, member, dir string) (string, error) {
	f, err := os.Open(archive)
	if err != nil {
		return "", fmt.Errorf("unpacking: %w", err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return "", fmt.Errorf("unpacking %s: %w", member, err)
	}
	tr := tar.NewReader(gz)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("unpacking: no %s in the archive", member)
		}
		if err != nil {
			return "", fmt.Errorf("unpacking %s: %w", member, err)
		}
		if path.Clean(h.Name) == path.Clean(member) && h.Typeflag == tar.TypeReg {
			return writeMember(tr, h.Size, filepath.Join(dir, "member"))
		}
	}
}

func writeMember(r io.Reader, size int64, dst string) (string, error) {
	if size > maxArtifact {
		return "", fmt.Errorf("unpacking: a file of %d bytes is too large", size)
	}
	f, err := os.Create(dst)
	if err != nil {
		return "", fmt.Errorf("unpacking: %w", err)
	}
	_, err = io.CopyN(f, r, size)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("unpacking: %w", err)
	}
	return dst, nil
}
