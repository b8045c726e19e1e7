package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"provision/provision/bundle"
)

// Problem is what Verify found wrong with an artifact.
type Problem struct {
	Ref    bundle.Ref
	SHA256 string
	Err    error
}

// Verify hashes every blob that a record names again, whatever was hashed
// before. Corrupt blobs are removed, so that the next pull obtains them again.
func (s *Store) Verify(progress func(Record)) ([]Problem, error) {
	recs, err := s.List()
	if err != nil {
		return nil, err
	}
	checked := map[string]error{}
	var out []Problem
	for _, rec := range recs {
		if progress != nil {
			progress(rec)
		}
		for _, a := range rec.Artifacts {
			err, done := checked[a.SHA256]
			if !done {
				err = s.rehash(a.SHA256)
				checked[a.SHA256] = err
			}
			if err != nil {
				out = append(out, Problem{Ref: rec.Ref, SHA256: a.SHA256, Err: err})
			}
		}
	}
	for digest, err := range checked {
		var corrupt *CorruptError
		if errors.As(err, &corrupt) {
			if err := s.Remove(digest); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// Remove deletes a blob.
func (s *Store) Remove(digest string) error {
	if !validDigest(digest) {
		return fmt.Errorf("%q is not a sha256", digest)
	}
	for _, path := range []string{s.blobPath(digest), filepath.Join(s.dir, "verified", digest)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a blob: %w", err)
		}
	}
	return nil
}
