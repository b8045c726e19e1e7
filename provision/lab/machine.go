package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// machine is where the record of this machine's settings is, and where the
// settings are.
type machine struct{ dir, sysctls, swaps string }

// thisMachine keeps its record in a folder that is the same for all labs,
// whatever their state folder, and that goes with a reboot as the settings do.
func thisMachine() machine {
	return machine{dir: "/run/provision-lab", sysctls: "/proc/sys", swaps: "/proc/swaps"}
}

// machineRecord is what hosts share with the machine and could change: it is
// taken before the first lab and put back after the last.
type machineRecord struct {
	Labs    []string          `json:"labs"` // ids
	Sysctls map[string]string `json:"sysctls"`
	Swaps   []swap            `json:"swaps"`
}

type swap struct {
	Path     string `json:"path"`
	Priority int    `json:"priority"`
}

// sysctlTrees hold settings of the whole machine; net is per host.
var sysctlTrees = [...]string{"vm", "kernel", "fs"}

// volatileSysctls change by themselves, or act when they are touched.
var volatileSysctls = [...]string{"kernel/ns_last_pid", "kernel/random", "kernel/hostname", "kernel/domainname",
	"fs/binfmt_misc", "vm/stat_refresh", "vm/compact_memory", "vm/drop_caches"}

// readSysctls reads every setting below root that can be both read and written.
func readSysctls(root string) map[string]string {
	found := map[string]string{}
	for _, tree := range sysctlTrees {
		_ = filepath.WalkDir(filepath.Join(root, tree), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // gone, or not ours to see: not ours to put back either
			}
			name, _ := filepath.Rel(root, path)
			if slices.Contains(volatileSysctls[:], name) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if info, err := d.Info(); err != nil || d.IsDir() || info.Mode().Perm()&0o600 != 0o600 {
				return nil
			}
			if data, err := os.ReadFile(path); err == nil {
				found[name] = string(data)
			}
			return nil
		})
	}
	return found
}

// restoreSysctls writes back what differs.
func restoreSysctls(root string, recorded map[string]string) error {
	now := readSysctls(root)
	var errs []error
	for name, value := range recorded {
		if have, ok := now[name]; !ok || have == value {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(value), 0o644); err != nil {
			errs = append(errs, fmt.Errorf("putting sysctl %s back to %q: %w", strings.ReplaceAll(name, "/", "."), strings.TrimSpace(value), err))
		}
	}
	return errors.Join(errs...)
}

// parseSwaps reads /proc/swaps: path, type, size, used, priority.
func parseSwaps(data string) []swap {
	var swaps []swap
	for line := range strings.Lines(data) {
		f := strings.Fields(line)
		if len(f) != 5 || !strings.HasPrefix(f[0], "/") {
			continue
		}
		s := swap{Path: strings.ReplaceAll(f[0], `\040`, " ")}
		if _, err := fmt.Sscan(f[4], &s.Priority); err == nil {
			swaps = append(swaps, s)
		}
	}
	return swaps
}

func readSwaps(path string) []swap {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil // a kernel without swap
	}
	return parseSwaps(string(data))
}

func restoreSwaps(recorded, now []swap) error {
	var errs []error
	for _, s := range recorded {
		if slices.ContainsFunc(now, func(o swap) bool { return o.Path == s.Path }) {
			continue
		}
		out, err := exec.Command("swapon", "--priority", strconv.Itoa(s.Priority), s.Path).CombinedOutput()
		if err != nil {
			errs = append(errs, fmt.Errorf("turning swap %s on again: %w: %s", s.Path, err, tail(out, 3)))
		}
	}
	return errors.Join(errs...)
}

// join counts the lab in, and records the machine's settings when it is
// the first.
func (m machine) join(id string) error {
	err := m.edit(func(r *machineRecord) error {
		if len(r.Labs) == 0 {
			r.Sysctls, r.Swaps = readSysctls(m.sysctls), readSwaps(m.swaps)
		}
		if !slices.Contains(r.Labs, id) {
			r.Labs = append(r.Labs, id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.widen() // only once the record is written
}

// shared are limits that all hosts of all labs draw on together, because they
// count per user of the machine: the kernel's defaults are for one host.
func shared() map[string]int {
	return map[string]int{
		"fs/inotify/max_user_instances": 8192,
		"fs/inotify/max_user_watches":   524288,
		"kernel/keys/maxkeys":           20000,
		"kernel/keys/maxbytes":          2000000,
	}
}

// widen raises the shared limits where they are lower; leave puts them back.
func (m machine) widen() error {
	for name, least := range shared() {
		path := filepath.Join(m.sysctls, name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading limit %s: %w", name, err)
		}
		if have, err := strconv.Atoi(strings.TrimSpace(string(data))); err != nil || have >= least {
			continue
		}
		if err := os.WriteFile(path, []byte(strconv.Itoa(least)), 0o644); err != nil {
			return fmt.Errorf("raising limit %s: %w", name, err)
		}
	}
	return nil
}

// leave counts the lab out, and puts the machine's settings back when
// it was the last.
func (m machine) leave(id string) error {
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return m.edit(func(r *machineRecord) error {
		had := slices.Contains(r.Labs, id)
		r.Labs = slices.DeleteFunc(r.Labs, func(l string) bool { return l == id })
		if !had || len(r.Labs) > 0 {
			return nil
		}
		return errors.Join(restoreSysctls(m.sysctls, r.Sysctls), restoreSwaps(r.Swaps, readSwaps(m.swaps)))
	})
}

// edit changes the record under a lock; an empty one is removed.
func (m machine) edit(change func(*machineRecord) error) error {
	unlock, err := lock(m.dir, waitForLock)
	if err != nil {
		return err
	}
	defer unlock()
	path := filepath.Join(m.dir, "machine.json")
	var r machineRecord
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the machine's settings in %s: %w", path, err)
	}
	if err := change(&r); err != nil {
		return err
	}
	if len(r.Labs) == 0 {
		return os.RemoveAll(m.dir)
	}
	data, err = json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the machine's settings: %w", err)
	}
	return writeFileAtomic(path, data, 0o600)
}
