package store

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"provision/provision/bundle"
)

// index collects the records of the given artifacts, or of all when none is given.
func (s *Store) index(refs []bundle.Ref) (Index, error) {
	idx := Index{FormatVersion: FormatVersion}
	if len(refs) == 0 {
		all, err := s.List()
		idx.Records = all
		return idx, err
	}
	for _, ref := range refs {
		rec, err := s.Record(ref)
		if err != nil {
			return idx, err
		}
		idx.Records = append(idx.Records, rec)
	}
	return idx, nil
}

// eachBlob calls f once for each blob of an index, verified.
func (s *Store) eachBlob(idx Index, f func(a bundle.Artifact, r io.Reader) error) error {
	done := map[string]bool{}
	for _, rec := range idx.Records {
		for _, a := range rec.Artifacts {
			if done[a.SHA256] {
				continue
			}
			done[a.SHA256] = true
			r, err := s.Open(a.SHA256)
			if err != nil {
				return fmt.Errorf("exporting %s: %w", rec.Ref, err)
			}
			err = errors.Join(f(a, r), r.Close())
			if err != nil {
				return fmt.Errorf("exporting %s: %w", rec.Ref, err)
			}
		}
	}
	return nil
}

// Export writes artifacts into a folder that `pull` reads and any web server
// serves as a mirror. No refs means everything. The index is written last, so
// that a folder with an index is whole.
func (s *Store) Export(dir string, refs ...bundle.Ref) error {
	idx, err := s.index(refs)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, BlobFolder), 0o755); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	err = s.eachBlob(idx, func(a bundle.Artifact, r io.Reader) error {
		dst := filepath.Join(dir, BlobFolder, a.SHA256)
		if sum, _, err := HashFile(dst); err == nil && sum == a.SHA256 {
			return nil
		}
		return writeWhole(dst, r)
	})
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(idx, "", "  ")
	if err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	tmp := filepath.Join(dir, "."+IndexFile)
	if err := os.WriteFile(tmp, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	if err := errors.Join(syncFile(tmp), os.Rename(tmp, filepath.Join(dir, IndexFile))); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	return syncFile(dir)
}

func writeWhole(dst string, r io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(dst), ".blob-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), dst)
}

// ExportTar writes artifacts as one tar stream, the index first.
func (s *Store) ExportTar(w io.Writer, refs ...bundle.Ref) error {
	idx, err := s.index(refs)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(idx, "", "  ")
	if err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	tw := tar.NewWriter(w)
	add := func(name string, size int64, r io.Reader) error {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(tw, r)
		return err
	}
	if err := add(IndexFile, int64(len(data)), bytes.NewReader(data)); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	err = s.eachBlob(idx, func(a bundle.Artifact, r io.Reader) error {
		return add(BlobFolder+"/"+a.SHA256, a.Size, r)
	})
	if err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	return nil
}
