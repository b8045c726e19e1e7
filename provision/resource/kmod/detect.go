package kmod

import (
	"bytes"
	"compress/gzip"
	"io"
	"path"
	"strings"

	"provision/provision/internal/system"
)

// Presence says how a kernel has a module.
type Presence string

// The ways. A loaded module is one that could be unloaded; everything else
// that is there counts as built in.
const (
	Absent  Presence = "absent"
	Loaded  Presence = "loaded"
	Builtin Presence = "builtin"
)

// feature is where a module shows when it is built in and the host has no
// /lib/modules, as in a container: a path, a line of /proc/filesystems, or an
// option of the kernel's configuration.
type feature struct {
	path       string
	filesystem string
	option     string
}

func featureOf(name string) feature {
	switch name {
	case "overlay":
		return feature{filesystem: "overlay", option: "CONFIG_OVERLAY_FS"}
	case "br_netfilter":
		return feature{path: "/proc/sys/net/bridge/bridge-nf-call-iptables", option: "CONFIG_BRIDGE_NETFILTER"}
	case "nf_conntrack":
		return feature{path: "/proc/sys/net/netfilter/nf_conntrack_max", option: "CONFIG_NF_CONNTRACK"}
	case "nf_tables":
		return feature{option: "CONFIG_NF_TABLES"}
	}
	return feature{option: "CONFIG_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
}

func detect(files system.Files, name string) Presence {
	name = strings.ReplaceAll(name, "-", "_")
	if _, err := files.Lstat("/sys/module/" + name + "/initstate"); err == nil {
		return Loaded // only loadable modules have one
	}
	if _, err := files.Lstat("/sys/module/" + name); err == nil || listedBuiltin(files, name) {
		return Builtin
	}
	known := featureOf(name)
	if known.path != "" {
		if _, err := files.Lstat(known.path); err == nil {
			return Builtin
		}
	}
	if known.filesystem != "" {
		if content, err := files.ReadFile("/proc/filesystems"); err == nil && hasFilesystem(content, known.filesystem) {
			return Builtin
		}
	}
	if configured(files, known.option) {
		return Builtin
	}
	return Absent
}

// listedBuiltin looks the module up in the list that comes with the kernel.
func listedBuiltin(files system.Files, name string) bool {
	release, err := files.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return false
	}
	list, err := files.ReadFile("/lib/modules/" + strings.TrimSpace(string(release)) + "/modules.builtin")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(list)) {
		base, _, _ := strings.Cut(path.Base(strings.TrimSpace(line)), ".ko")
		if strings.ReplaceAll(base, "-", "_") == name {
			return true
		}
	}
	return false
}

func hasFilesystem(content []byte, name string) bool {
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[len(fields)-1] == name {
			return true
		}
	}
	return false
}

// configured reads the running kernel's own configuration, where it shows one.
func configured(files system.Files, option string) bool {
	packed, err := files.ReadFile("/proc/config.gz")
	if err != nil {
		return false
	}
	unpacker, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return false
	}
	config, err := io.ReadAll(io.LimitReader(unpacker, 4<<20))
	return err == nil && bytes.Contains(config, []byte("\n"+option+"=y\n"))
}
