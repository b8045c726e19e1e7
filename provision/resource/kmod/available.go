package kmod

import (
	"path"
	"strings"

	"provision/provision/internal/system"
)

// Loadable is a module that is not loaded, but lies on the disk.
const Loadable Presence = "loadable"

// Available says how the kernel has a module, or could have it.
func Available(files system.Files, name string) Presence {
	if have := detect(files, name); have != Absent {
		return have
	}
	release, err := files.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return Absent
	}
	list, err := files.ReadFile("/lib/modules/" + strings.TrimSpace(string(release)) + "/modules.dep")
	if err == nil && listed(string(list), name) {
		return Loadable
	}
	return Absent
}

// listed looks a module up in modules.dep(5): "PATH/name.ko[.xz]: …".
func listed(list, name string) bool {
	name = strings.ReplaceAll(name, "-", "_")
	for line := range strings.Lines(list) {
		file, _, ok := strings.Cut(line, ":")
		base, _, module := strings.Cut(path.Base(file), ".ko")
		if ok && module && strings.ReplaceAll(base, "-", "_") == name {
			return true
		}
	}
	return false
}
