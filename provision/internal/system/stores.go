package system

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// blobStore reads BlobDir. A blob is hashed when it is first used; the digest
// cache makes that once per host.
type blobStore struct{ files Files }

func (b blobStore) Path(digest string) (string, error) {
	if !isDigest(digest) {
		return "", fmt.Errorf("reading blob %q: not a sha256", digest)
	}
	path := BlobDir + "/" + digest
	have, err := b.files.Digest(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("blob %s is not on the host: %w", digest, err)
	}
	if err != nil {
		return "", fmt.Errorf("verifying blob %s: %w", digest, err)
	}
	if have != digest {
		return "", fmt.Errorf("blob %s is damaged: its content has sha256 %s; apply again: it will be sent again", digest, have)
	}
	return path, nil
}

func (b blobStore) Open(digest string) (io.ReadCloser, int64, error) {
	path, err := b.Path(digest)
	if err != nil {
		return nil, 0, err
	}
	info, err := b.files.Lstat(path)
	if err != nil {
		return nil, 0, err
	}
	content, err := b.files.Open(path)
	return content, info.Size, err
}

func isDigest(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == text
}

// savedStore keeps originals in SavedDir.
type savedStore struct {
	files Files
	mutex sync.Mutex
}

func (s *savedStore) Put(content io.Reader) (string, error) {
	if err := s.files.Mkdir(SavedDir, Attr{Mode: 0o700}); err != nil {
		return "", fmt.Errorf("saving original: %w", err)
	}
	s.mutex.Lock() // one name for all: what a killed run left is overwritten
	defer s.mutex.Unlock()
	hash := sha256.New()
	incoming := SavedDir + "/incoming"
	if err := s.files.WriteFile(incoming, io.TeeReader(content, hash), Attr{Mode: 0o600}); err != nil {
		return "", fmt.Errorf("saving original: %w", err)
	}
	digest := hex.EncodeToString(hash.Sum(nil))
	if err := s.files.Rename(incoming, SavedDir+"/"+digest); err != nil {
		return "", fmt.Errorf("saving original: %w", err)
	}
	return digest, nil
}

func (s *savedStore) Open(digest string) (io.ReadCloser, error) {
	if !isDigest(digest) {
		return nil, fmt.Errorf("reading saved original %q: not a sha256", digest)
	}
	path := SavedDir + "/" + digest
	have, err := s.files.Digest(path)
	if err != nil {
		return nil, fmt.Errorf("reading saved original: %w", err)
	}
	if have != digest {
		return nil, fmt.Errorf("saved original %s is damaged", digest)
	}
	return s.files.Open(path)
}
