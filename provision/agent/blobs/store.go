package blobs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// receive writes one blob and reports, on an error, how much of it is there.
func receive(dir string, header api.BlobHeader, content io.Reader) (have int64, err error) {
	final := filepath.Join(dir, header.SHA256)
	if intact(final, header) {
		_, err := io.Copy(io.Discard, content) // somebody else was faster
		return header.Size, err
	}
	part, err := openPart(final + ".part")
	if err != nil {
		return 0, err
	}
	defer func() {
		if closed := part.Close(); err == nil {
			err = closed
		}
	}()
	sum := sha256.New()
	if err := prefix(part, header.Offset, sum); err != nil {
		return 0, err
	}
	n, err := io.CopyBuffer(io.MultiWriter(part, sum), struct{ io.Reader }{content}, make([]byte, buffer))
	have = header.Offset + n
	if err != nil {
		return have, writing(header, err)
	}
	if have != header.Size {
		return have, &api.Error{Code: api.CodeBadRequest, Message: fmt.Sprintf("blob %s ended after %d of %d bytes", header.SHA256, have, header.Size)}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != header.SHA256 {
		_ = os.Remove(part.Name()) // nothing in it can be trusted
		return 0, &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf("blob %s arrived with digest %s; it will be sent again", header.SHA256, got)}
	}
	return have, finish(dir, part, final, header)
}

// intact reports whether the blob is there and as its name says. One that was
// damaged is replaced by the rename in finish, never written to: its inode may
// be a program that runs.
func intact(path string, header api.BlobHeader) bool {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() != header.Size {
		return false
	}
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{file}, make([]byte, buffer)); err != nil {
		return false
	}
	return hex.EncodeToString(sum.Sum(nil)) == header.SHA256
}

// openPart opens the unfinished blob for this process alone.
func openPart(path string) (*os.File, error) {
	for {
		part, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening blob: %w", err)
		}
		if err := unix.Flock(int(part.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			_ = part.Close()
			return nil, &api.Error{Code: api.CodeLocked, Message: "the same blob is being received from somebody else; try again"}
		}
		named, errNamed := os.Lstat(path)
		opened, errOpened := part.Stat()
		if errNamed == nil && errOpened == nil && os.SameFile(named, opened) {
			return part, nil
		}
		_ = part.Close() // finished or removed between opening and locking
	}
}

// prefix hashes what is there already and drops what is beyond it.
func prefix(part *os.File, offset int64, sum hash.Hash) error {
	info, err := part.Stat()
	if err != nil {
		return fmt.Errorf("resuming blob: %w", err)
	}
	if info.Size() < offset {
		return &api.Error{Code: api.CodeBadRequest, Message: fmt.Sprintf("cannot resume at %d: only %d bytes are here", offset, info.Size())}
	}
	if _, err := io.CopyN(sum, part, offset); err != nil {
		return fmt.Errorf("resuming blob: %w", err)
	}
	if err := part.Truncate(offset); err != nil {
		return fmt.Errorf("resuming blob: %w", err)
	}
	return nil
}

// finish makes the blob durable under its name.
func finish(dir string, part *os.File, final string, header api.BlobHeader) error {
	if err := part.Sync(); err != nil {
		return writing(header, err)
	}
	if err := os.Rename(part.Name(), final); err != nil {
		return writing(header, err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return writing(header, err)
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil {
		return writing(header, err)
	}
	// Without the record the blob is hashed once more at its first use.
	_ = system.RecordReceived(dir, part, header.SHA256)
	return nil
}

func writing(header api.BlobHeader, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf(
			"cannot store blob %s (%d MiB): the disk of /var/lib/provision is full; free space there and run again", header.SHA256, header.Size>>20)}
	}
	return fmt.Errorf("storing blob %s: %w", header.SHA256, err)
}
