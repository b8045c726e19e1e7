package resourcetest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

// tree describes everything below root, one line per path. With times it
// includes modification times. What provision keeps for itself and what the
// fakes keep instead of memory is left out.
func tree(root string, times bool) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		if !times && (name == system.StateDir || name == systemfake.StateDir) {
			return filepath.SkipDir
		}
		line, err := describe(path, entry, times)
		out[name] = line
		return err
	})
	return out, err
}

func describe(path string, entry fs.DirEntry, times bool) (string, error) {
	info, err := entry.Info()
	if err != nil {
		return "", err
	}
	owner := info.Sys().(*syscall.Stat_t)
	line := fmt.Sprintf("%s %d:%d", info.Mode(), owner.Uid, owner.Gid)
	if times {
		line += " " + info.ModTime().String()
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return line + " -> " + target, err
	case info.Mode().IsRegular():
		content, err := os.ReadFile(path)
		text := fmt.Sprintf("%x", sha256.Sum256(content))
		if len(content) < 400 {
			text = string(content)
		}
		return line + " " + text, err
	}
	return line, nil
}
