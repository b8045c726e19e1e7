package hostfacts

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/resource/hugepages"
)

// BootID tells boots of the host apart. The kernel's id is that of the machine;
// a container, which may boot without it, adds when its own init was started.
func BootID(files system.Files) string {
	id := Text(files, "/proc/sys/kernel/random/boot_id")
	if id == "" || container(files) == "" {
		return id
	}
	stat := Text(files, "/proc/1/stat")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:]) // the name before may hold anything
	if len(fields) < 20 {
		return id
	}
	return id + "+" + fields[19] // field 22 of proc_pid_stat(5)
}

// needsBoot says why the host should be rebooted; empty when it need not be.
func needsBoot(files system.Files, state ledger.State) []string {
	var why []string
	if _, err := files.Lstat("/run/reboot-required"); err == nil {
		why = append(why, packagesAsk(files))
	}
	if container(files) == "" { // those have no kernel of their own
		if reason := newerKernel(files); reason != "" {
			why = append(why, reason)
		}
	}
	for _, e := range state.Entries {
		if reason := fewPages(files, e.ID); reason != "" {
			why = append(why, reason)
		}
	}
	return why
}

// packagesAsk is what Debian and Ubuntu leave behind when a package wants a boot.
func packagesAsk(files system.Files) string {
	const few = 3
	var list []string
	for _, name := range strings.Fields(Text(files, "/run/reboot-required.pkgs")) {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	switch {
	case len(list) == 0:
		return "updated packages ask for it"
	case len(list) > few:
		list = append(list[:few], strconv.Itoa(len(list)-few)+" more")
	}
	return "updated packages ask for it: " + strings.Join(list, ", ")
}

// newerKernel compares the running kernel with those of the same flavour that
// are installed.
func newerKernel(files system.Files) string {
	running := Text(files, "/proc/sys/kernel/osrelease")
	newest := running
	for _, dir := range []string{"/lib/modules", "/usr/lib/modules", "/boot"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			release := entry.Name()
			if dir == "/boot" {
				var image bool
				if release, image = strings.CutPrefix(release, "vmlinuz-"); !image {
					continue
				}
			} else if !bootable(files, path.Join(dir, release), release) {
				continue
			}
			if flavour(release) == flavour(running) && compareReleases(release, newest) > 0 {
				newest = release
			}
		}
	}
	if running == "" || newest == running {
		return ""
	}
	return "kernel " + newest + " is installed, and " + running + " runs"
}

// bootable reports whether a folder of modules has its kernel: some stay when
// the package is removed.
func bootable(files system.Files, dir, release string) bool {
	for _, image := range []string{path.Join(dir, "vmlinuz"), "/boot/vmlinuz-" + release} {
		if _, err := files.Lstat(image); err == nil {
			return true
		}
	}
	return false
}

// flavour is what kernels of one kind end in: "-amd64", "-cloud-amd64", "-generic".
func flavour(release string) string {
	for i := range len(release) - 1 {
		if next := release[i+1]; release[i] == '-' && (next < '0' || next > '9') {
			return release[i:]
		}
	}
	return ""
}

// compareReleases compares numbers as numbers, and what is between as text.
func compareReleases(a, b string) int {
	for a != "" && b != "" {
		one, restA := leading(a)
		two, restB := leading(b)
		m, errM := strconv.Atoi(one)
		n, errN := strconv.Atoi(two)
		if errM == nil && errN == nil && m != n {
			return cmp.Compare(m, n)
		}
		if (errM != nil || errN != nil) && one != two {
			return cmp.Compare(one, two)
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// leading are the digits, or the other letters, that a text begins with.
func leading(text string) (string, string) {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	end := 1
	for end < len(text) && digit(text[end]) == digit(text[0]) {
		end++
	}
	return text[:end], text[end:]
}

// fewPages says that fewer huge pages are set aside than the host's ledger is
// for: later than at boot the kernel may find no room.
func fewPages(files system.Files, id string) string {
	quoted, ours := strings.CutPrefix(id, hugepages.Kind+"[")
	size, err := strconv.Unquote(strings.TrimSuffix(quoted, "]"))
	if !ours || err != nil {
		return ""
	}
	wanted, have, err := hugepages.Booted(files, size)
	if err != nil || have >= wanted {
		return ""
	}
	return strconv.Itoa(wanted) + " huge pages of " + size + " KiB are to be set aside, and the kernel has " + strconv.Itoa(have)
}
