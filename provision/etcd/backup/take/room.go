package take

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// What a proof needs beside the database: a log of two segments, and some.
const beside = 200 << 20

// room makes a folder for snapshot and proof, root-only, in the first place that
// has room: off etcd's file system if any is, for its writes must not wait, and
// never so that etcd would run out of space.
func (s *session) room(size int64) (string, error) {
	etcd, err := measure(s.Config.DataDir)
	if err != nil {
		return "", err
	}
	need := func(bytes int64, there space) int64 {
		if there.device == etcd.device { // etcd may grow as much again, and a tenth stays free
			return bytes + size + there.total/10
		}
		return bytes
	}
	// What is sealed is no larger than what it is made of.
	if there, err := measure(s.State); err != nil || there.free < need(size, there) {
		return "", errors.Join(err, fmt.Errorf("there is no room for a backup: %s has %d MiB free and needs %d", s.State, there.free>>20, need(size, there)>>20))
	}
	var full []string
	for _, apart := range []bool{true, false} {
		for _, folder := range s.Config.Scratch {
			there, err := measure(folder)
			if err != nil || (there.device != etcd.device) != apart || there.memory {
				continue
			}
			// Snapshot and copy, and what is sealed if that is the same file system.
			if needed := need(3*size+beside, there); there.free < needed {
				full = append(full, fmt.Sprintf("%s has %d MiB free and needs %d", folder, there.free>>20, needed>>20))
				continue
			}
			if err := os.RemoveAll(folder); err != nil {
				return "", fmt.Errorf("clearing scratch: %w", err)
			}
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return "", fmt.Errorf("making scratch: %w", err)
			}
			return folder, nil
		}
	}
	return "", fmt.Errorf("there is no room to prove a backup: %s; name a folder with more as scratch in etcd { backup { } }, best on another file system than etcd's", strings.Join(full, ", "))
}

type space struct {
	device      uint64
	free, total int64
	memory      bool
}

// measure looks at the file system that a folder is on, or would be.
func measure(folder string) (space, error) {
	for {
		var stat unix.Stat_t
		err := unix.Stat(folder, &stat)
		if errors.Is(err, unix.ENOENT) && folder != "/" {
			folder = filepath.Dir(folder)
			continue
		}
		var fs unix.Statfs_t
		if err == nil {
			err = unix.Statfs(folder, &fs)
		}
		if err != nil {
			return space{}, fmt.Errorf("asking for free space of %s: %w", folder, err)
		}
		return space{stat.Dev, int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, fs.Type == unix.TMPFS_MAGIC}, nil
	}
}
