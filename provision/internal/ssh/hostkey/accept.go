package hostkey

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/skeema/knownhosts"
	gossh "golang.org/x/crypto/ssh"
)

// Accept records keys as those of address (host:port) in a known_hosts file,
// atomically, keeping everything else. Another key of a known type is a
// *ChangedError unless replaced is set; then the host's old keys go, and lines
// shared with other hosts lose only this host, and Replaced tells the new ones.
func Accept(file, address string, replaced bool, keys ...gossh.PublicKey) error {
	db, err := Load(file)
	if err != nil {
		return err
	}
	fresh, changed, err := db.compare(address, keys)
	if err == nil && changed != nil && !replaced {
		err = fmt.Errorf("%w; if the host was reinstalled or replaced, use --replaced; if not, someone may be in between", changed)
	}
	if err != nil {
		return fmt.Errorf("accepting the key of %s: %w", address, err)
	}
	content, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	if replaced {
		content, fresh = forget(content, address), keys
	}
	if len(fresh) == 0 {
		return nil
	}
	if len(content) > 0 && !bytes.HasSuffix(content, []byte("\n")) {
		content = append(content, '\n')
	}
	for _, key := range fresh {
		line := knownhosts.Line([]string{address}, key)
		if replaced {
			line += " " + replacedMark
		}
		content = append(content, line+"\n"...)
	}
	return replaceFile(file, content)
}

// compare returns the keys that are not known yet, and the first that differs
// from a known one of its type.
func (db *DB) compare(address string, keys []gossh.PublicKey) (fresh []gossh.PublicKey, changed, err error) {
	known := db.known.HostKeys(address)
	for _, key := range keys {
		err := (&Checker{DB: db, Address: address}).Check(key)
		var other *ChangedError
		var unknown *UnknownError
		switch {
		case err == nil:
			continue
		case errors.As(err, &unknown):
		case errors.As(err, &other):
			if changed == nil && slices.ContainsFunc(known, func(k knownhosts.PublicKey) bool {
				return !k.Cert && k.Type() == key.Type()
			}) {
				changed = err
			}
		default:
			return nil, nil, err
		}
		fresh = append(fresh, key)
	}
	return fresh, changed, nil
}

// replaceFile writes a file so that a reader sees the old or the new one.
func replaceFile(file string, content []byte) (err error) {
	// A known_hosts that is a link stays one.
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating %s: %w", dir, err)
	}
	temp, err := os.CreateTemp(dir, ".known_hosts-*") // 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp.Name())
			err = fmt.Errorf("writing %s: %w", file, err)
		}
	}()
	_, err = temp.Write(content)
	if err == nil {
		err = temp.Sync()
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}
