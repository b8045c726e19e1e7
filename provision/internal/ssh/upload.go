package ssh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"provision/provision/internal/ssh/shell"
)

// Upload stores size bytes of r at path on the host, as root where the target
// says so: under a temporary name, fsynced, its sha256 compared, then renamed.
// Missing folders are made for root only. It takes one exec channel.
func (c *Conn) Upload(ctx context.Context, r io.Reader, size int64, path string, mode fs.FileMode) error {
	nonce, err := c.nonce()
	if err != nil {
		return err
	}
	argv := shell.Upload(nonce+markEnd, path, size, "", fmt.Sprintf("%04o", mode.Perm()), false, nil)
	sum := sha256.New()
	source := &exactly{r: r, n: size}
	content := io.MultiReader(
		io.TeeReader(source, sum),
		&late{func() string { return hex.EncodeToString(sum.Sum(nil)) + "\n" }, nil},
	)
	p, said, err := c.launch(ctx, argv, nonce, content)
	if err != nil {
		return fmt.Errorf("uploading %s: %w", path, err)
	}
	defer p.Kill()
	if said.word == shell.Failed {
		if err := source.failed(); err != nil {
			p.Kill()
			return fmt.Errorf("uploading %s: %w", path, err)
		}
		return c.uploadError(path, said, p)
	}
	if err := p.Wait(); err != nil {
		return fmt.Errorf("uploading %s: %w", path, err)
	}
	return nil
}

// late is a reader whose text is known only when what precedes it was read.
type late struct {
	text func() string
	rest []byte
}

// Read implements io.Reader.
func (l *late) Read(b []byte) (int, error) {
	if l.text != nil {
		l.rest, l.text = []byte(l.text()), nil
	}
	if len(l.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// exactly is a reader of n bytes to which an early end is an error.
type exactly struct {
	r io.Reader
	n int64

	mu  sync.Mutex
	err error
}

func (e *exactly) failed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// Read implements io.Reader.
func (e *exactly) Read(b []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(b[:min(int64(len(b)), e.n)])
	e.n -= int64(n)
	if err == io.EOF && e.n > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		e.mu.Lock()
		e.err = err
		e.mu.Unlock()
	}
	return n, err
}
