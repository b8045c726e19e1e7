package systemfake

import (
	"os"
	"path/filepath"
	"strings"
)

// SysNet is where a host's network interfaces are; MountInfo its mounts; Tables
// a file with a line per table of nftables.
const (
	SysNet    = "/sys/class/net"
	MountInfo = "/proc/self/mountinfo"
	Tables    = StateDir + "/nft"
)

// ip knows only how to delete an interface.
func (r *Runner) ip(argv []string) (string, error) {
	return "", os.RemoveAll(filepath.Join(r.root, SysNet, argv[len(argv)-1]))
}

func (r *Runner) umount(argv []string) (string, error) {
	return "", r.dropLines(MountInfo, func(line string) bool {
		fields := strings.Fields(line)
		return len(fields) > 4 && fields[4] == argv[len(argv)-1]
	})
}

// nft lists and deletes tables.
func (r *Runner) nft(argv []string) (string, error) {
	if argv[1] == "list" {
		raw, err := os.ReadFile(filepath.Join(r.root, Tables))
		if os.IsNotExist(err) {
			return "", nil
		}
		return string(raw), err
	}
	gone := "table " + strings.Join(argv[3:], " ")
	return "", r.dropLines(Tables, func(line string) bool { return line == gone })
}

func (r *Runner) dropLines(path string, drop func(line string) bool) error {
	raw, err := os.ReadFile(filepath.Join(r.root, path))
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(raw)) {
		if !drop(strings.TrimSpace(line)) {
			kept.WriteString(line)
		}
	}
	return os.WriteFile(filepath.Join(r.root, path), []byte(kept.String()), 0o644)
}
