package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// controller finds the folder of a group where a controller acts on it.
func (c cgroups) controller(name, group string) (dir string, v2 bool, err error) {
	for _, h := range c.V1 {
		if slices.Contains(strings.Split(h.Options, ","), name) {
			return filepath.Join(h.Mount, group), false, nil
		}
	}
	if c.unified() {
		return filepath.Join(c.V2, group), true, nil
	}
	return "", false, fmt.Errorf("this machine has no cgroup controller %s", name)
}

// setFrozen stops or continues all processes of a group and waits until it is so.
func (c cgroups) setFrozen(ctx context.Context, group string, frozen bool) error {
	dir, v2, err := c.controller("freezer", group)
	if err != nil {
		return err
	}
	file, value, watch, reached := "freezer.state", "THAWED", "freezer.state", "THAWED"
	if frozen {
		value, reached = "FROZEN", "FROZEN"
	}
	if v2 {
		file, value, watch, reached = "cgroup.freeze", "0", "cgroup.events", "frozen 0"
		if frozen {
			value, reached = "1", "frozen 1"
		}
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil {
		return fmt.Errorf("setting %s: %w", file, err)
	}
	// Version 1 freezes further only while it is asked.
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		data, err := os.ReadFile(filepath.Join(dir, watch))
		if err != nil {
			return fmt.Errorf("reading %s: %w", watch, err)
		}
		if strings.Contains(string(data), reached) {
			tick.Stop()
			return nil
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return fmt.Errorf("waiting for %s to be %s: %w", file, value, ctx.Err())
		case <-tick.C:
		}
	}
}

// endFrozen makes killing work: version 1 delivers no signal to what is frozen.
// All of it is killed before it is thawed, so that none of it runs again.
func (c cgroups) endFrozen(group string) error {
	dir, v2, err := c.controller("freezer", group)
	if err != nil || v2 {
		return nil
	}
	var frozen []string // groups of hosts below that of the lab, and whatever a host froze itself
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		if data, err := os.ReadFile(filepath.Join(path, "freezer.self_freezing")); err == nil && strings.TrimSpace(string(data)) == "1" {
			frozen = append(frozen, path)
		}
		return nil
	})
	if err != nil || len(frozen) == 0 {
		return err
	}
	pids, err := c.processes(group)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if pid != os.Getpid() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	var errs []error
	for _, path := range frozen {
		errs = append(errs, os.WriteFile(filepath.Join(path, "freezer.state"), []byte("THAWED"), 0o644))
	}
	return errors.Join(errs...)
}

func (l *Lab) freeze(ctx context.Context, h hostState, _ Fault) error { return l.frozen(ctx, h, true) }
func (l *Lab) thaw(ctx context.Context, h hostState, _ Fault) error   { return l.frozen(ctx, h, false) }

func (l *Lab) frozen(ctx context.Context, h hostState, frozen bool) error {
	groups, err := detectCgroups()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	return groups.setFrozen(ctx, l.group(h.Name), frozen)
}

// The kernel counts in periods of a second at most, and shares of them of a
// millisecond at least.
const (
	quotaPeriod  = 1_000_000 // µs
	leastPercent = 0.1
)

func (l *Lab) checkSlow(_ hostState, f Fault) error {
	if f.Percent < leastPercent || f.Percent > 100_000 {
		return fmt.Errorf("cannot slow a host down to %g%% of a processor: %g is the least", f.Percent, leastPercent)
	}
	return nil
}

func (l *Lab) throttle(_ context.Context, h hostState, f Fault) error {
	return l.setQuota(h, strconv.Itoa(int(f.Percent*quotaPeriod/100)))
}

func (l *Lab) unthrottle(_ context.Context, h hostState, _ Fault) error { return l.setQuota(h, "") }

// setQuota gives the host µs of processor time per period; all of it when empty.
func (l *Lab) setQuota(h hostState, quota string) error {
	groups, err := detectCgroups()
	if err != nil {
		return err
	}
	dir, v2, err := groups.controller("cpu", l.group(h.Name))
	if err != nil {
		return err
	}
	if v2 {
		if quota == "" {
			quota = "max"
		}
		err = os.WriteFile(filepath.Join(dir, "cpu.max"), []byte(quota+" "+strconv.Itoa(quotaPeriod)), 0o644)
	} else {
		if quota == "" {
			quota = "-1"
		}
		err = errors.Join(os.WriteFile(filepath.Join(dir, "cpu.cfs_period_us"), []byte(strconv.Itoa(quotaPeriod)), 0o644),
			os.WriteFile(filepath.Join(dir, "cpu.cfs_quota_us"), []byte(quota), 0o644))
	}
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("the kernel refuses: something in the host, such as a pod, has a higher limit of its own: %w", err)
	}
	return err
}
