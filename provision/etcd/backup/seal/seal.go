package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"provision/provision/etcd/backup"
)

// maxWindow bounds what a stored object may make its reader keep in memory.
const maxWindow = 64 << 20

// pq is how post-quantum recipients begin.
const pq = "age1pq1"

// Recipients are those who can open what is sealed: all classic (age1…) or all
// post-quantum (age1pq1…), since age refuses to mix them.
func Recipients(texts []string) ([]age.Recipient, error) {
	if len(texts) == 0 {
		return nil, errors.New("there is no recipient; make one with age-keygen and keep its identity off the cluster")
	}
	list := make([]age.Recipient, 0, len(texts))
	for _, text := range texts {
		var r age.Recipient
		var err error
		if strings.HasPrefix(text, "AGE-SECRET-KEY-") {
			return nil, errors.New("a recipient is an identity, which is secret; write what age-keygen -y prints of it, and use another one from now on")
		}
		if strings.HasPrefix(text, pq) {
			r, err = age.ParseHybridRecipient(text)
		} else {
			r, err = age.ParseX25519Recipient(text)
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a recipient of age; write what age-keygen -y prints, age1…", text)
		}
		if strings.HasPrefix(text, pq) != strings.HasPrefix(texts[0], pq) {
			return nil, errors.New("classic and post-quantum recipients cannot be mixed: age would open neither; use one kind")
		}
		list = append(list, r)
	}
	return list, nil
}

// Sealer encrypts to recipients and to a throw-away identity of their kind.
type Sealer struct {
	to       []age.Recipient
	identity age.Identity
}

// New makes a sealer and its identity.
func New(recipients []string) (*Sealer, error) {
	to, err := Recipients(recipients)
	if err != nil {
		return nil, err
	}
	s := &Sealer{to: to}
	if strings.HasPrefix(recipients[0], pq) {
		made, err := age.GenerateHybridIdentity()
		if err != nil {
			return nil, fmt.Errorf("making a throw-away identity: %w", err)
		}
		s.identity, s.to = made, append(s.to, made.Recipient())
		return s, nil
	}
	made, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("making a throw-away identity: %w", err)
	}
	s.identity, s.to = made, append(s.to, made.Recipient())
	return s, nil
}

// Seal writes what is read, sealed, and returns what was read and written.
func (s *Sealer) Seal(ctx context.Context, to io.Writer, from io.Reader) (plain, stored backup.Content, err error) {
	out, in := NewMeter(to), NewMeter(io.Discard)
	encrypted, err := age.Encrypt(out, s.to...)
	if err != nil {
		return plain, stored, fmt.Errorf("encrypting: %w", err)
	}
	// One worker: a backup has time, the host has other things to do.
	packed, err := zstd.NewWriter(encrypted, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return plain, stored, fmt.Errorf("compressing: %w", err)
	}
	_, err = io.Copy(io.MultiWriter(packed, in), backup.Reader(ctx, from))
	if err := errors.Join(err, packed.Close(), encrypted.Close()); err != nil {
		return plain, stored, fmt.Errorf("sealing: %w", err)
	}
	return in.Content(), out.Content(), nil
}

// Check reads a stored object to its end with the throw-away identity, and
// compares it with what Seal returned.
func (s *Sealer) Check(ctx context.Context, from io.Reader, plain, stored backup.Content) error {
	in, out := NewMeter(io.Discard), NewMeter(io.Discard)
	err := Open(out, io.TeeReader(backup.Reader(ctx, from), in), s.identity)
	if errCtx := ctx.Err(); errCtx != nil {
		return errCtx
	}
	if got := in.Content(); got.Size < stored.Size || err == nil && got != stored {
		return fmt.Errorf("what was read back has %d bytes with sha256 %s, what was stored %d with %s", got.Size, got.SHA256, stored.Size, stored.SHA256)
	}
	if err != nil {
		return err
	}
	if got := out.Content(); got != plain {
		return fmt.Errorf("what was read back and decrypted has %d bytes with sha256 %s, the snapshot %d with %s", got.Size, got.SHA256, plain.Size, plain.SHA256)
	}
	return nil
}

// Open decrypts and unpacks what is read, to the end.
func Open(to io.Writer, from io.Reader, identities ...age.Identity) error {
	plain, err := age.Decrypt(from, identities...)
	if err != nil {
		return fmt.Errorf("decrypting: %w", err)
	}
	unpacked, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	defer unpacked.Close()
	if _, err := io.Copy(to, unpacked); err != nil {
		return fmt.Errorf("decrypting and unpacking: %w", err)
	}
	if n, err := io.Copy(io.Discard, from); err != nil || n > 0 {
		return fmt.Errorf("%d bytes follow the end of the object: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// Meter measures what is written through it.
type Meter struct {
	to   io.Writer
	sum  hash.Hash
	size int64
}

// NewMeter measures what is written to a writer.
func NewMeter(to io.Writer) *Meter { return &Meter{to: to, sum: sha256.New()} }

func (m *Meter) Write(p []byte) (int, error) {
	n, err := m.to.Write(p)
	m.sum.Write(p[:n])
	m.size += int64(n)
	return n, err //nolint:wrapcheck // as it came
}

// Content is what was written so far.
func (m *Meter) Content() backup.Content {
	return backup.Content{Size: m.size, SHA256: hex.EncodeToString(m.sum.Sum(nil))}
}
