package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"provision/provision/bundle"
)

// Options says where the store is.
type Options struct {
	// Dir is the store's folder; DefaultDir() when empty.
	Dir string
}

// Store is a content-addressed folder of artifacts. It is safe for concurrent
// use by several goroutines and processes.
type Store struct{ dir string }

var _ bundle.Resolver = (*Store)(nil)

// DefaultDir is $PROVISION_CACHE, or ~/.cache/provision.
func DefaultDir() (string, error) {
	if dir := os.Getenv("PROVISION_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the artifact store: %w; set PROVISION_CACHE", err)
	}
	return filepath.Join(home, ".cache", "provision"), nil
}

// Open opens the store, making its folders if need be.
func Open(opts Options) (*Store, error) {
	dir := opts.Dir
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	s := &Store{dir: dir}
	for _, sub := range []string{"blobs", "refs", "verified", "locks", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("opening the artifact store: %w", err)
		}
	}
	return s, nil
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// NotFoundError says that an artifact is not in the store and how to get it.
type NotFoundError struct{ Ref bundle.Ref }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("cannot find artifact %s in the store; run `provision bundle pull`", e.Ref)
}

// Is makes errors.Is(err, fs.ErrNotExist) hold.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// Resolve returns the verified blobs of an artifact.
func (s *Store) Resolve(ref bundle.Ref) ([]bundle.Artifact, error) {
	rec, err := s.Record(ref)
	if err != nil {
		return nil, err
	}
	for _, a := range rec.Artifacts {
		if _, err := s.Path(a.SHA256); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, &NotFoundError{Ref: ref}
			}
			return nil, fmt.Errorf("resolving %s: %w", ref, err)
		}
	}
	return rec.Artifacts, nil
}

// Missing returns the artifacts that Resolve would not answer.
func (s *Store) Missing(refs []bundle.Ref) []bundle.Ref {
	var out []bundle.Ref
	for _, ref := range refs {
		if _, err := s.Resolve(ref); err != nil {
			out = append(out, ref)
		}
	}
	return out
}

// Record reads what the store knows about an artifact, blobs unchecked.
func (s *Store) Record(ref bundle.Ref) (Record, error) {
	var rec Record
	path, err := s.refPath(ref)
	if err != nil {
		return rec, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return rec, &NotFoundError{Ref: ref}
	}
	if err != nil {
		return rec, fmt.Errorf("reading the record of %s: %w", ref, err)
	}
	return ParseRecord(data)
}

// ParseRecord decodes a record and refuses one that could not be used.
func ParseRecord(data []byte) (Record, error) {
	var rec Record
	if err := json.Unmarshal(data, &rec); err != nil {
		return rec, fmt.Errorf("decoding an artifact record: %w", err)
	}
	if rec.FormatVersion > FormatVersion {
		return rec, fmt.Errorf("cannot read the record of %s: format %d is newer than this provision; update it", rec.Ref, rec.FormatVersion)
	}
	if rec.FormatVersion < 1 {
		return rec, fmt.Errorf("decoding an artifact record: its format is %d", rec.FormatVersion)
	}
	return rec, rec.check()
}

func (r Record) check() error {
	if err := checkRef(r.Ref); err != nil {
		return err
	}
	if len(r.Artifacts) == 0 {
		return fmt.Errorf("record of %s has no blobs", r.Ref)
	}
	for _, a := range r.Artifacts {
		if a.Ref != r.Ref {
			return fmt.Errorf("record of %s holds a blob of %s", r.Ref, a.Ref)
		}
		if !validDigest(a.SHA256) || a.Size < 0 {
			return fmt.Errorf("record of %s: %q is not a sha256", r.Ref, a.SHA256)
		}
		if a.File == "" || strings.ContainsAny(a.File, "/\x00") || a.File == ".." || a.File == "." {
			return fmt.Errorf("record of %s: %q is not a file name", r.Ref, a.File)
		}
	}
	return nil
}

// Put writes a record. Its blobs must be in the store already.
func (s *Store) Put(rec Record) error {
	rec.FormatVersion = FormatVersion
	for i := range rec.Artifacts {
		rec.Artifacts[i].Ref = rec.Ref
	}
	if err := rec.check(); err != nil {
		return err
	}
	for _, a := range rec.Artifacts {
		if _, err := s.Path(a.SHA256); err != nil {
			return fmt.Errorf("recording %s: %w", rec.Ref, err)
		}
	}
	path, err := s.refPath(rec.Ref)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record of %s: %w", rec.Ref, err)
	}
	return s.writeFile(path, append(data, '\n'))
}

// List returns every record, sorted by name, version and architecture.
func (s *Store) List() ([]Record, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "refs"))
	if err != nil {
		return nil, fmt.Errorf("listing the artifact store: %w", err)
	}
	var out []Record
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(s.dir, "refs", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("listing the artifact store: %w", err)
		}
		rec, err := ParseRecord(data)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", e.Name(), err)
		}
		out = append(out, rec)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Ref.String() < out[j].Ref.String() })
	return out, nil
}

func (s *Store) refPath(ref bundle.Ref) (string, error) {
	if err := checkRef(ref); err != nil {
		return "", err
	}
	return filepath.Join(s.dir, "refs", refFile(ref)), nil
}

func refFile(ref bundle.Ref) string {
	return ref.Name + "@" + ref.Version + "_" + ref.Arch + ".json"
}

// checkRef refuses names that would leave the folder of records.
func checkRef(ref bundle.Ref) error {
	for _, part := range []string{ref.Name, ref.Version, ref.Arch} {
		if part == "" || strings.ContainsAny(part, "/@_ \x00\n") || strings.HasPrefix(part, ".") {
			return fmt.Errorf("artifact %q: name, version and architecture must be plain words", ref)
		}
	}
	return nil
}
