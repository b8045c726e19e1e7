package residue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"provision/provision/internal/system"
)

// clean removes the traces, processes first: they hold the rest.
func clean(ctx context.Context, sys *system.System, spec Spec) error {
	if err := end(ctx, sys, spec); err != nil {
		return err
	}
	sys.Point("residue:ended")
	if err := unmount(ctx, sys, spec.Mounts); err != nil {
		return err
	}
	for _, link := range spec.Links {
		if err := unlink(ctx, sys, link); err != nil {
			return err
		}
	}
	if err := dropTables(ctx, sys, spec.Tables); err != nil {
		return err
	}
	if err := flush(ctx, sys, spec.Routes); err != nil {
		return err
	}
	for _, path := range spec.Paths {
		if err := system.Empty(sys.Files, path, false); err != nil {
			return err
		}
	}
	return reread(ctx, sys, spec.Rereads)
}

// reread has services read their settings. systemd's own do so at this signal;
// before version 253 they know no reload.
func reread(ctx context.Context, sys *system.System, units []string) error {
	for _, unit := range units {
		if status, err := sys.Units.Status(ctx, unit); err != nil || status.ActiveState != "active" {
			continue // it reads them when it starts
		}
		if _, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"systemctl", "kill", "--signal=HUP", unit}}); err != nil {
			return fmt.Errorf("having %s read its settings: %w", unit, err)
		}
	}
	return nil
}

// unlink removes an interface, and before a bridge the ports in it: the kernel
// takes its time with those of pods that have ended.
func unlink(ctx context.Context, sys *system.System, link string) error {
	ports, _ := sys.Files.ReadDir("/sys/class/net/" + link + "/brif") // no bridge: none
	var names []string
	for _, port := range ports {
		names = append(names, port.Name())
	}
	for _, name := range append(names, link) {
		there := func() bool { _, err := sys.Files.Lstat("/sys/class/net/" + name); return err == nil }
		if !there() {
			continue
		}
		if _, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"ip", "link", "delete", name}}); err != nil && there() {
			return fmt.Errorf("removing network interface %s: %w", name, err)
		}
	}
	return nil
}

// rounds bounds how often new processes are looked for: those that end may have
// started others meanwhile.
const rounds = 50

func end(ctx context.Context, sys *system.System, spec Spec) error {
	if len(spec.Groups)+len(spec.Commands) == 0 {
		return nil
	}
	for range rounds {
		pids, err := processes(sys.Files, spec)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return removeGroups(sys.Files, spec.Groups)
		}
		for _, pid := range pids {
			if err := sys.Kill(ctx, pid); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("ending process %d: %w", pid, err)
			}
		}
	}
	return fmt.Errorf("cannot end what was left behind (%s): new processes keep coming", strings.Join(slices.Concat(spec.Groups, spec.Commands), ", "))
}

// removeGroups removes the control groups, of both versions. systemd removes the
// slices that it made by itself.
func removeGroups(files system.Files, names []string) error {
	roots := []string{"/sys/fs/cgroup"}
	hierarchies, err := files.ReadDir(roots[0])
	if err != nil {
		return nil //nolint:nilerr // no control groups at all
	}
	for _, h := range hierarchies {
		roots = append(roots, roots[0]+"/"+h.Name())
	}
	for _, root := range roots {
		for _, name := range names {
			if err := removeGroup(files, root+"/"+name); err != nil {
				return fmt.Errorf("removing control group %s: %w", name, err)
			}
		}
	}
	return nil
}

// removeGroup removes a group below those in it; its files are the kernel's.
func removeGroup(files system.Files, path string) error {
	entries, err := files.ReadDir(path)
	if err != nil {
		return nil //nolint:nilerr // not there, or a file
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeGroup(files, path+"/"+entry.Name()); err != nil {
				return err
			}
		}
	}
	return files.Remove(path)
}

// processes finds those of the groups and names.
func processes(files system.Files, spec Spec) ([]int, error) {
	entries, err := files.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid <= 1 {
			continue
		}
		groups, _ := files.ReadFile("/proc/" + entry.Name() + "/cgroup") // gone meanwhile: empty
		name, _ := files.ReadFile("/proc/" + entry.Name() + "/comm")
		if inGroup(string(groups), spec.Groups) || slices.ContainsFunc(spec.Commands, func(c string) bool { return strings.HasPrefix(string(name), c) }) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// inGroup reads /proc/PID/cgroup: hierarchy:controllers:path, a line each.
func inGroup(content string, names []string) bool {
	for line := range strings.Lines(content) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for element := range strings.SplitSeq(parts[2], "/") {
			if slices.Contains(names, strings.TrimSuffix(element, ".slice")) {
				return true
			}
		}
	}
	return false
}

func unmount(ctx context.Context, sys *system.System, prefixes []string) error {
	if len(prefixes) == 0 {
		return nil
	}
	raw, err := sys.Files.ReadFile("/proc/self/mountinfo")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // files below a folder: nothing is mounted there
	}
	if err != nil {
		return fmt.Errorf("listing mounts: %w", err)
	}
	prefixes, err = behind(sys.Files, prefixes)
	if err != nil {
		return err
	}
	for _, path := range slices.Backward(mounts(string(raw))) {
		below := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) && path != strings.TrimRight(p, "/") })
		if !below {
			continue
		}
		if _, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"umount", "--", path}}); err != nil {
			return fmt.Errorf("unmounting %s: %w", path, err)
		}
	}
	return nil
}

// behind adds to prefixes what their folders lead to: the kernel lists mounts by
// that.
func behind(files system.Files, prefixes []string) ([]string, error) {
	all := slices.Clone(prefixes)
	for _, p := range prefixes {
		folder, base := path.Split(p)
		real, err := system.Behind(files, path.Clean(folder))
		if err != nil {
			return nil, err
		}
		all = append(all, real+"/"+base)
	}
	return all, nil
}

// mounts are the mount points of /proc/self/mountinfo (proc(5)), in order; the
// fifth field, with blanks written in octal.
func mounts(content string) []string {
	var list []string
	for line := range strings.Lines(content) {
		if fields := strings.Fields(line); len(fields) > 5 {
			list = append(list, strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4]))
		}
	}
	return list
}

// flush removes marked routes of both families; that there are none is no error.
func flush(ctx context.Context, sys *system.System, marks []int) error {
	for _, mark := range marks {
		for _, family := range []string{"-4", "-6"} {
			if _, err := sys.Files.Lstat("/proc/net/ipv6_route"); family == "-6" && err != nil {
				continue // a kernel without
			}
			if _, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"ip", family, "route", "flush", "proto", strconv.Itoa(mark)}}); err != nil {
				return fmt.Errorf("removing routes of protocol %d: %w", mark, err)
			}
		}
	}
	return nil
}

func dropTables(ctx context.Context, sys *system.System, tables []string) error {
	if len(tables) == 0 || sys.Runner.LookPath("nft") == "" {
		return nil
	}
	result, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"nft", "list", "tables"}})
	if err != nil {
		return fmt.Errorf("listing tables of nftables: %w", err)
	}
	for line := range strings.Lines(string(result.Stdout)) {
		name := strings.TrimPrefix(strings.TrimSpace(line), "table ")
		if !slices.Contains(tables, name) {
			continue
		}
		argv := append([]string{"nft", "delete", "table"}, strings.Fields(name)...)
		if _, err := sys.Runner.Run(ctx, system.Command{Argv: argv}); err != nil {
			return fmt.Errorf("removing table %s of nftables: %w", name, err)
		}
	}
	return nil
}
