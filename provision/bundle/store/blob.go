package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CorruptError says that a blob's bytes are not those of its name.
type CorruptError struct{ Want, Got string }

func (e *CorruptError) Error() string {
	return fmt.Sprintf("blob %s is corrupt (its bytes hash to %s); run `provision bundle verify`, then `provision bundle pull`", short(e.Want), short(e.Got))
}

func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}

func validDigest(d string) bool {
	b, err := hex.DecodeString(d)
	return err == nil && len(b) == sha256.Size && hex.EncodeToString(b) == d
}

// Has says whether the blob is there and verified.
func (s *Store) Has(digest string) bool {
	_, err := s.Path(digest)
	return err == nil
}

// Path returns the file of a verified blob. The hash is computed only when the
// file is not the one that was hashed last (size, times and inode compared).
func (s *Store) Path(digest string) (string, error) {
	if !validDigest(digest) {
		return "", fmt.Errorf("%q is not a sha256", digest)
	}
	path := s.blobPath(digest)
	id, err := identify(path)
	if err != nil {
		return "", fmt.Errorf("looking for blob %s: %w", short(digest), err)
	}
	if s.seen(digest) == id {
		return path, nil
	}
	if err := s.rehash(digest); err != nil {
		return "", err
	}
	return path, nil
}

// Open opens a verified blob for reading.
func (s *Store) Open(digest string) (*os.File, error) {
	path, err := s.Path(digest)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// AddFile moves a file of the same file system into the store. With a digest
// given, other bytes are refused.
func (s *Store) AddFile(path, want string) (digest string, size int64, err error) {
	digest, size, err = HashFile(path)
	if err != nil {
		return "", 0, err
	}
	if want != "" && digest != want {
		return "", 0, fmt.Errorf("adding %s: %w", filepath.Base(path), &CorruptError{Want: want, Got: digest})
	}
	if s.Has(digest) {
		return digest, size, os.Remove(path)
	}
	if err := syncFile(path); err != nil {
		return "", 0, err
	}
	if err := os.Chmod(path, 0o444); err != nil {
		return "", 0, fmt.Errorf("adding a blob: %w", err)
	}
	dst := s.blobPath(digest)
	if err := os.Rename(path, dst); err != nil {
		return "", 0, fmt.Errorf("adding a blob: %w", err)
	}
	if err := syncFile(filepath.Dir(dst)); err != nil {
		return "", 0, err
	}
	id, err := identify(dst)
	if err != nil {
		return "", 0, err
	}
	return digest, size, s.remember(digest, id)
}

// Add copies bytes into the store. With a digest given, other bytes are refused.
func (s *Store) Add(r io.Reader, want string) (digest string, size int64, err error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), "blob-*")
	if err != nil {
		return "", 0, fmt.Errorf("adding a blob: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := lockFile(f, false); err != nil {
		return "", 0, err
	}
	if _, err := io.Copy(f, r); err != nil {
		return "", 0, fmt.Errorf("adding a blob: %w", err)
	}
	return s.AddFile(f.Name(), want)
}

func (s *Store) blobPath(digest string) string { return filepath.Join(s.dir, "blobs", digest) }

func (s *Store) rehash(digest string) error {
	path := s.blobPath(digest)
	before, err := identify(path)
	if err != nil {
		return fmt.Errorf("looking for blob %s: %w", short(digest), err)
	}
	got, _, err := HashFile(path)
	if err != nil {
		return err
	}
	if got != digest {
		return &CorruptError{Want: digest, Got: got}
	}
	return s.remember(digest, before)
}

// identity is what tells whether a file is still the one that was hashed.
type identity struct {
	Size  int64  `json:"size"`
	Mtime int64  `json:"mtime"`
	Ctime int64  `json:"ctime"`
	Inode uint64 `json:"inode"`
}

func identify(path string) (identity, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return identity{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return identity{}, fmt.Errorf("%s is not a regular file", path)
	}
	return identity{Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(), Inode: st.Ino}, nil
}

func (s *Store) seen(digest string) identity {
	var id identity
	data, err := os.ReadFile(filepath.Join(s.dir, "verified", digest))
	if err != nil || json.Unmarshal(data, &id) != nil {
		return identity{Size: -1} // no file has it: hash again
	}
	return id
}

func (s *Store) remember(digest string, id identity) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	err = s.writeFile(filepath.Join(s.dir, "verified", digest), data)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil // a store that is shared read-only only hashes more often
	}
	return err
}

// HashFile is the sha256 and the size of a file.
func HashFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fmt.Errorf("hashing a file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("hashing %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}
