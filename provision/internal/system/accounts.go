package system

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"provision/provision/internal/proc"
)

// TidyAccounts removes what useradd, groupadd and maintainer scripts leave that
// were killed: the file NAME.PID with which they begin to lock /etc/passwd and
// the like (shadow, lib/commonio.c). Locks themselves they end when the process
// is gone.
func TidyAccounts(files Files) error {
	entries, err := files.ReadDir("/etc")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for locks of accounts that a killed command left: %w", err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !abandoned(entry.Name()) {
			continue
		}
		if err := files.Remove(path.Join("/etc", entry.Name())); err != nil {
			return fmt.Errorf("removing a lock of accounts that a killed command left: %w", err)
		}
	}
	return nil
}

// abandoned reports whether a file of /etc is the beginning of a lock whose
// process has ended.
func abandoned(name string) bool {
	file, number, _ := strings.Cut(name, ".")
	switch file {
	case "passwd", "shadow", "group", "gshadow", "subuid", "subgid":
		pid, err := strconv.Atoi(number)
		return err == nil && pid > 0 && !proc.Alive(pid)
	}
	return false
}
