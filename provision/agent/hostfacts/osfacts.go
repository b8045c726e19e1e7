package hostfacts

import (
	"fmt"
	"net"
	"path"
	"runtime"
	"strconv"
	"strings"

	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/names"
	"provision/provision/internal/system"
)

// HostFacts are what files tell of the host and its operating system. The ledger
// tells what provision asked of the next boot.
func HostFacts(files system.Files, state ledger.State) facts.Host {
	return facts.Host{
		Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
		OS:         osRelease(files),
		Hostname:   Text(files, "/proc/sys/kernel/hostname"),
		Kernel:     Text(files, "/proc/sys/kernel/osrelease"),
		BootID:     BootID(files),
		NeedsBoot:  needsBoot(files, state),
		MachineID:  Text(files, "/etc/machine-id"),
		Init:       Text(files, "/proc/1/comm"),
		Lab:        Text(files, system.LabMarker),
		MemoryKiB:  memory(files),
		Cgroup:     cgroup(files),
		Systemd:    systemdVersion(files),
		Container:  container(files),
		Resolver:   resolver(files),
		Rebooting:  rebooting(files),
		Capability: capability(files),
	}
}

// Text is a file's content without surrounding space; "" when it cannot be read.
func Text(files system.Files, path string) string {
	raw, err := files.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

func osRelease(files system.Files) facts.OS {
	content := Text(files, "/etc/os-release")
	if content == "" {
		content = Text(files, "/usr/lib/os-release")
	}
	values := Assignments(content)
	return facts.OS{ID: values["ID"], Version: values["VERSION_ID"], Codename: values["VERSION_CODENAME"], Name: values["PRETTY_NAME"]}
}

// Assignments reads the KEY=value lines of os-release(5).
func Assignments(content string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(content) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		if plain, err := strconv.Unquote(value); err == nil {
			value = plain
		}
		out[key] = strings.Trim(value, `'"`)
	}
	return out
}

// Field is the first word after "KEY:" in files like /proc/meminfo.
func Field(content, key string) string {
	for line := range strings.Lines(content) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			if words := strings.Fields(rest); len(words) > 0 {
				return words[0]
			}
		}
	}
	return ""
}

func memory(files system.Files) int64 {
	kib, _ := strconv.ParseInt(Field(Text(files, "/proc/meminfo"), "MemTotal"), 10, 64)
	return kib
}

func capability(files system.Files) uint64 {
	set, _ := strconv.ParseUint(Field(Text(files, "/proc/self/status"), "CapBnd"), 16, 64)
	return set
}

// cgroup is 2 only where the unified hierarchy is all there is.
func cgroup(files system.Files) int {
	if _, err := files.Lstat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return 2
	}
	return 1
}

// systemdVersion is read off the library's name: asking systemd means running it.
func systemdVersion(files system.Files) int {
	for _, dir := range []string{"/usr/lib/systemd", "/lib/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			for _, library := range []string{"libsystemd-shared-", "libsystemd-core-"} {
				rest, is := strings.CutPrefix(entry.Name(), library)
				digits := len(rest) - len(strings.TrimLeft(rest, names.Digits))
				if version, err := strconv.Atoi(rest[:digits]); is && err == nil {
					return version
				}
			}
		}
	}
	return 0
}

func container(files system.Files) string {
	if name := Text(files, "/run/systemd/container"); name != "" {
		return name
	}
	raw, err := files.ReadFile("/proc/1/environ")
	if err != nil {
		return ""
	}
	for variable := range strings.SplitSeq(string(raw), "\x00") {
		if name, ok := strings.CutPrefix(variable, "container="); ok {
			return name
		}
	}
	return ""
}

// resolver is the file that names real servers: pods cannot use a stub that
// listens on the host's loopback.
func resolver(files system.Files) string {
	const usual, behind = "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"
	if !strings.Contains(Text(files, usual), "127.0.0.53") {
		return usual
	}
	if Text(files, behind) != "" {
		return behind
	}
	return usual
}

// rebooting reports a shutdown under way.
func rebooting(files system.Files) bool {
	for _, name := range []string{"/run/nologin", "/run/systemd/shutdown/scheduled"} {
		if _, err := files.Lstat(name); err == nil && (path.Base(name) == "scheduled" || strings.Contains(Text(files, name), "down")) {
			return true
		}
	}
	return false
}

// KernelAddresses asks the kernel (netlink) for all addresses.
func KernelAddresses() ([]facts.Address, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("reading interfaces: %w", err)
	}
	var out []facts.Address
	for _, link := range links {
		addresses, err := link.Addrs()
		if err != nil {
			continue // it went away
		}
		for _, address := range addresses {
			out = append(out, facts.Address{Interface: link.Name, CIDR: address.String(), MTU: link.MTU})
		}
	}
	return out, nil
}
