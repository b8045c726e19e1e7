//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/test/canary"
)

// searchScript looks into every file of a host but the kernel's; patterns come
// by standard input, so that they are in no argument, and are in no file while
// it looks. It prints mode, owner and path of each file with a hit, then how
// many files there are.
const searchScript = `export LC_ALL=C; umask 077; p=$(mktemp -p /dev/shm); cat >"$p"; exec 3<"$p"; rm "$p"
list() { find / \( -path /proc -o -path /sys -o -path /dev \) -prune -o -type f "$@"; }
list -print0 | xargs -0 grep -alF -f /proc/$$/fd/3 2>/dev/null | while read -r f; do stat -c '%a %U %n' "$f"; done
find /dev/shm -type f -print0 | xargs -0r grep -alF -f /proc/$$/fd/3
journalctl -a -o export --no-pager | grep -caF -f /proc/$$/fd/3 | sed 's/^/journal /'
list -printf x | wc -c | sed 's/^/files /'`

// searched is what a search of a host found.
type searched struct {
	open   []string // files that not only root may read
	closed []string // files of root's
	lines  int      // of the journal
	files  int
}

func (c *cluster) search(t *testing.T, host string, set *canary.Set) searched {
	t.Helper()
	cmd, err := c.lab.Command(t.Context(), host, "sh", "-c", searchScript)
	require.NoError(t, err)
	cmd.Stdin = strings.NewReader(set.Patterns())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "%s", errs.String())
	var s searched
	modes := regexp.MustCompile(`^([0-7]+) (\S+) (/.*)$`)
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		switch m := modes.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "journal "):
			s.lines = number(t, strings.TrimPrefix(line, "journal "))
		case strings.HasPrefix(line, "files "):
			s.files = number(t, strings.TrimPrefix(line, "files "))
		case m != nil && m[2] == "root" && strings.HasSuffix(m[1], "00"):
			s.closed = append(s.closed, m[3])
		default:
			s.open = append(s.open, line)
		}
	}
	require.Positive(t, s.files)
	return s
}

// disk is what a lab host has on its disks, which are folders of this machine.
func disk() *regexp.Regexp { return regexp.MustCompile(`/hosts/[^/]+/[^/]+/`) }

// here searches files of this machine that changed since; archives are looked
// into, artifacts and hosts' disks left out.
func here(t *testing.T, set *canary.Set, since time.Time, folders ...string) (hits []string, files int) {
	t.Helper()
	disks := disk()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || disks.MatchString(path) {
				return nil //nolint:nilerr // what others remove meanwhile holds nothing of ours
			}
			info, err := entry.Info()
			if err != nil || info.ModTime().Before(since) || info.Size() > 64<<20 {
				return nil //nolint:nilerr // as above
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return nil //nolint:nilerr // as above
			}
			files++
			for _, hit := range set.Find(append(data, inflated(data)...)) {
				hits = append(hits, path+": "+hit.String())
			}
			return nil
		})
		require.NoError(t, err)
	}
	return hits, files
}

// inflated is the content of a gzip archive.
func inflated(data []byte) []byte {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	content, _ := io.ReadAll(reader) // what can be read is searched
	return content
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	require.NoError(t, err)
	return n
}
