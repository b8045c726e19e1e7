package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroups are the machine's control group hierarchies.
type cgroups struct {
	V1 []hierarchy // one per controller, or a few together, and systemd's own
	V2 string      // mount point, "" when there is none
}

// hierarchy is one of version 1.
type hierarchy struct {
	Mount   string
	Options string // which it is: "cpu", "cpu,cpuacct", "name=systemd"
}

// unified reports whether version 2 has the controllers.
func (c cgroups) unified() bool { return len(c.V1) == 0 && c.V2 != "" }

// roots are the mount points in which a lab's groups can be.
func (c cgroups) roots() []string {
	var roots []string
	for _, h := range c.V1 {
		roots = append(roots, h.Mount)
	}
	if c.V2 != "" {
		roots = append(roots, c.V2)
	}
	return roots
}

// start starts a program in a group: with version 2 it is born there, with
// version 1 the thread that starts it is in the group already.
func (c cgroups) start(cmd *exec.Cmd, group string) (*os.Process, error) {
	if c.unified() {
		dir, err := os.Open(filepath.Join(c.V2, group))
		if err != nil {
			return nil, fmt.Errorf("opening the host's cgroup: %w", err)
		}
		defer dir.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Args[0], err)
	}
	return cmd.Process, nil
}

// parseCgroups reads the hierarchies from the text of /proc/PID/mountinfo.
func parseCgroups(mountinfo []byte) cgroups {
	var c cgroups
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 || left[3] != "/" {
			continue
		}
		switch right[0] {
		case "cgroup":
			h := hierarchy{Mount: left[4], Options: hierarchyOptions(right[2])}
			if !slices.ContainsFunc(c.V1, func(o hierarchy) bool { return o.Options == h.Options }) {
				c.V1 = append(c.V1, h)
			}
		case "cgroup2":
			c.V2 = left[4]
		}
	}
	return c
}

// hierarchyOptions leaves of a mount's options those that say which hierarchy
// it is.
func hierarchyOptions(options string) string {
	var keep []string
	for _, o := range strings.Split(options, ",") {
		key, _, _ := strings.Cut(o, "=")
		switch key {
		case "rw", "ro", "xattr", "noprefix", "clone_children", "release_agent", "cpuset_v2_mode", "favordynmods":
		default:
			keep = append(keep, o)
		}
	}
	return strings.Join(keep, ",")
}

func detectCgroups() (cgroups, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return cgroups{}, fmt.Errorf("reading the mount table: %w", err)
	}
	c := parseCgroups(data)
	if len(c.V1) == 0 && c.V2 == "" {
		return c, errors.New("cannot boot hosts: no cgroup file system is mounted; mount cgroup2 at /sys/fs/cgroup")
	}
	return c, nil
}

// makeGroup creates the group of a host in every hierarchy that it will see:
// version 2 is hidden from it where version 1 has the controllers.
func (c cgroups) makeGroup(group string) error {
	if c.unified() {
		return c.makeUnified(group)
	}
	for _, h := range c.V1 {
		dir := h.Mount
		for _, part := range strings.Split(group, "/") {
			parent := dir
			dir = filepath.Join(dir, part)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("creating cgroup %s: %w", dir, err)
			}
			// A new cpuset is empty, and nothing can run in it until it is filled.
			for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
				if err := copyDown(parent, dir, f); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func copyDown(parent, dir, name string) error {
	data, err := os.ReadFile(filepath.Join(parent, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s of cgroup %s: %w", name, parent, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		return fmt.Errorf("setting %s of cgroup %s: %w", name, dir, err)
	}
	return nil
}

// makeUnified creates the group and hands every controller down to it.
func (c cgroups) makeUnified(group string) error {
	dir := c.V2
	for _, part := range strings.Split(group, "/") {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("reading the controllers of cgroup %s: %w", dir, err)
		}
		for _, ctrl := range strings.Fields(string(data)) {
			// One at a time: a controller in use by version 1, or cpu beside
			// real-time processes, must not cost us the others.
			_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+ctrl), 0o644)
		}
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("creating cgroup %s: %w", dir, err)
		}
	}
	return nil
}

// enterThread moves the calling thread into the group of every version 1
// hierarchy; what it forks starts there.
func (c cgroups) enterThread(group string) error {
	tid := []byte(strconv.Itoa(unix.Gettid()))
	for _, h := range c.V1 {
		path := filepath.Join(h.Mount, group, "tasks")
		if err := os.WriteFile(path, tid, 0o644); err != nil {
			return fmt.Errorf("entering cgroup %s: %w", filepath.Dir(path), err)
		}
	}
	return nil
}

// ownRoot makes the version 1 groups that the calling thread is in the roots of
// what it sees, in its namespaces and its mounts alike: systemd-nspawn takes
// names from the one to the other. Where version 1 has the controllers, version
// 2 is hidden: systemd-nspawn would put all hosts into one group there, and
// their systemds would manage each other's units.
func (c cgroups) ownRoot() error {
	if c.unified() {
		return nil // systemd-nspawn does it itself
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("creating a cgroup namespace: %w", err)
	}
	if c.V2 != "" {
		if err := unix.Unmount(c.V2, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("hiding %s: %w", c.V2, err)
		}
	}
	for _, h := range c.V1 {
		err := unix.Unmount(h.Mount, unix.MNT_DETACH)
		if err == nil {
			err = unix.Mount("cgroup", h.Mount, "cgroup", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, h.Options)
		}
		if err != nil {
			return fmt.Errorf("remounting cgroup %s (%s): %w", h.Mount, h.Options, err)
		}
	}
	return nil
}

// processes lists who is in the group or below it, in any hierarchy.
func (c cgroups) processes(group string) ([]int, error) {
	found := map[int]bool{}
	for _, root := range c.roots() {
		err := filepath.WalkDir(filepath.Join(root, group), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.Name() != "cgroup.procs" {
				return err
			}
			data, err := os.ReadFile(path)
			for _, f := range strings.Fields(string(data)) {
				if pid, err := strconv.Atoi(f); err == nil {
					found[pid] = true
				}
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) {
				return nil
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("listing processes of cgroup %s: %w", group, err)
		}
	}
	var pids []int
	for pid := range found {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids, nil
}

// removeGroup removes the group and all below it, in every hierarchy.
func (c cgroups) removeGroup(group string) error {
	for _, root := range c.roots() {
		var dirs []string
		err := filepath.WalkDir(filepath.Join(root, group), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("listing cgroup %s: %w", group, err)
		}
		slices.Reverse(dirs)
		for _, dir := range dirs {
			if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing cgroup %s: %w", dir, err)
			}
		}
	}
	return nil
}
