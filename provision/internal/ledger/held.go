package ledger

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Held tells who has the lock of the ledger in dir, without asking for it:
// whoever tries the lock is in the way of those who need it. Locks is the
// content of /proc/locks.
func Held(dir, locks string) *Holder {
	name := filepath.Join(dir, lockFile)
	var stat unix.Stat_t
	if err := unix.Stat(name, &stat); err != nil {
		return nil
	}
	suffix := ":" + strconv.FormatUint(stat.Ino, 10)
	for line := range strings.Lines(locks) {
		words := strings.Fields(line) // 1: FLOCK ADVISORY WRITE 705 fe:00:2098 0 EOF
		if len(words) < 6 || words[1] != "FLOCK" || !strings.HasSuffix(words[5], suffix) {
			continue
		}
		holder := Holder{Name: "another operator"}
		if raw, err := os.ReadFile(name); err == nil {
			_ = json.Unmarshal(raw, &holder) // not written yet: stays "another operator"
		}
		return &holder
	}
	return nil
}
