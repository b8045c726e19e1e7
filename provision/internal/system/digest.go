package system

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// settled is how long a file must have been left alone before its digest is
// remembered: within the grain of a timestamp a change would not show.
const settled = 50 * time.Millisecond

// digestKey is everything that changes when a file's content does.
type digestKey struct {
	Dev, Ino           uint64
	Size, MTime, CTime int64
}

func (k digestKey) String() string {
	return fmt.Sprintf("%d:%d:%d:%d:%d", k.Dev, k.Ino, k.Size, k.MTime, k.CTime)
}

// digestCache remembers digests within a run, and between runs once saved.
type digestCache struct {
	now  func() time.Time
	once sync.Once

	mutex    sync.Mutex
	old      map[string]string // of earlier runs, and of received blobs
	used     map[string]string // of this run: only these are saved
	received int64             // how much of ReceivedBlobs was read
}

func newDigestCache(now func() time.Time) *digestCache {
	return &digestCache{now: now, used: map[string]string{}}
}

// load reads what an earlier run saved. Without it, or when it is damaged,
// everything is hashed anew.
func (c *digestCache) load(files *realFiles) {
	c.once.Do(func() {
		content, err := files.ReadFile(DigestCache)
		if err == nil {
			c.old = decodeDigests(content)
		}
	})
}

// savedDigests is the cache's file. A flipped bit in it would make a file seem to
// be what it is not.
type savedDigests struct {
	Sum     string          `json:"sum"`
	Digests json.RawMessage `json:"digests"`
}

func encodeDigests(digests map[string]string) ([]byte, error) {
	raw, err := json.Marshal(digests)
	if err != nil {
		return nil, err
	}
	return json.Marshal(savedDigests{Sum: sumOf(raw), Digests: raw})
}

// decodeDigests returns nil for what is damaged.
func decodeDigests(content []byte) map[string]string {
	var saved savedDigests
	if json.Unmarshal(content, &saved) != nil || sumOf(saved.Digests) != saved.Sum {
		return nil
	}
	var digests map[string]string
	if json.Unmarshal(saved.Digests, &digests) != nil {
		return nil
	}
	return digests
}

func sumOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func (c *digestCache) save(files *realFiles) error {
	c.mutex.Lock()
	content, err := encodeDigests(c.used)
	c.mutex.Unlock()
	if err != nil {
		return fmt.Errorf("writing digests: %w", err)
	}
	if have, err := files.ReadFile(DigestCache); err != nil || !bytes.Equal(have, content) {
		if err := files.Mkdir(StateDir, Attr{Mode: 0o700}); err != nil {
			return fmt.Errorf("writing digests: %w", err)
		}
		if err := files.WriteFile(DigestCache, bytes.NewReader(content), Attr{Mode: 0o600}); err != nil {
			return err
		}
	}
	if _, err := files.Lstat(ReceivedBlobs); err != nil {
		return nil
	}
	return files.Remove(ReceivedBlobs) // a line that comes meanwhile only costs a hash
}

// hash reads a whole file. The buffer is larger than io.Copy's: with SHA
// instructions in the processor, system calls are what costs.
func (c *digestCache) hash(content io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{content}, make([]byte, 256<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func keyOf(file *os.File) (digestKey, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return digestKey{}, fmt.Errorf("looking at %s: %w", file.Name(), err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return digestKey{}, fmt.Errorf("reading %s: not a regular file", file.Name())
	}
	return digestKey{stat.Dev, stat.Ino, stat.Size, stat.Mtim.Nano(), stat.Ctim.Nano()}, nil
}

// known returns the remembered digest.
func (c *digestCache) known(file *os.File) (string, bool) {
	key, err := keyOf(file)
	if err != nil {
		return "", false
	}
	return c.lookup(key.String())
}

func (c *digestCache) lookup(key string) (string, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	digest, ok := c.used[key]
	if !ok {
		if digest, ok = c.old[key]; ok {
			c.used[key] = digest
		}
	}
	return digest, ok
}

// put remembers the digest of a file that this process wrote itself.
func (c *digestCache) put(file *os.File, digest string) {
	if key, err := keyOf(file); err == nil {
		c.mutex.Lock()
		c.used[key.String()] = digest
		c.mutex.Unlock()
	}
}

func (c *digestCache) digest(file *os.File) (string, error) {
	key, err := keyOf(file)
	if err != nil {
		return "", err
	}
	if digest, ok := c.lookup(key.String()); ok {
		return digest, nil
	}
	started := c.now()
	digest, err := c.hash(file)
	if err != nil {
		return "", fmt.Errorf("hashing %s: %w", file.Name(), err)
	}
	after, err := keyOf(file)
	if err == nil && after == key && started.Sub(time.Unix(0, key.CTime)) > settled {
		c.put(file, digest)
	}
	return digest, nil
}

// IsSHA256 reports whether text is a sha256 in hex, as blobs are named.
func IsSHA256(text string) bool {
	if len(text) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
