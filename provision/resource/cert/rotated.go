package cert

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource/internal/snapshot"
)

// Names as client-go's certificate store has them: PREFIX-current.pem is a link
// to PREFIX-DATE.pem, and PREFIX-updated.pem the link that is about to replace
// it.
const (
	current = "-current.pem"
	date    = "2006-01-02-15-04-05"
)

// writeLink makes a dated file, then the link. Killed in between, the link says
// what it said, and the file is one of those that Restore removes.
func writeLink(sys *system.System, name string, want Spec, pairPEM []byte) error {
	file := strings.TrimSuffix(name, current) + "-" + sys.Now().Format(date) + ".pem"
	if err := snapshot.Write(sys.Files, file, bytes.NewReader(pairPEM), keyAttr(want)); err != nil {
		return fmt.Errorf("writing certificate %s: %w", file, err)
	}
	sys.Point("cert:dated")
	if err := sys.Files.Symlink(path.Base(file), name); err != nil {
		return fmt.Errorf("writing certificate %s: %w", name, err)
	}
	return nil
}

// dated are the names of all files of the store but the link itself.
func dated(files system.Files, name string) ([]string, error) {
	entries, err := files.ReadDir(path.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", path.Dir(name), err)
	}
	prefix := strings.TrimSuffix(path.Base(name), current) + "-"
	var found []string
	for _, entry := range entries {
		base := entry.Name()
		if strings.HasPrefix(base, prefix) && strings.HasSuffix(base, ".pem") && base != path.Base(name) && !entry.IsDir() {
			found = append(found, base)
		}
	}
	return found, nil
}

// restoreLink also removes the keys that were made since, ours and those of
// whoever rotates.
func restoreLink(sys *system.System, name string, before State) error {
	was := map[string]bool{}
	for _, base := range before.Dated {
		was[base] = true
	}
	now, err := dated(sys.Files, name)
	if err != nil {
		return err
	}
	for _, base := range now {
		if was[base] {
			continue
		}
		if err := sys.Files.Remove(path.Join(path.Dir(name), base)); err != nil {
			return fmt.Errorf("removing key %s: %w", base, err)
		}
		sys.Point("cert:dated-removed")
	}
	return snapshot.Restore(sys, name, before.Cert)
}
