package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// downTimeout bounds the end of a lab: killed processes go at once, unless the
// kernel holds them.
const downTimeout = time.Minute

// Down removes a lab of the default state folder, whole or half made:
// processes, mounts, cgroups, network namespace and state. A lab that is not
// there is no error.
func Down(ctx context.Context, name string) error { return DownIn(ctx, DefaultStateDir, name) }

// DownIn removes a lab of a state folder.
func DownIn(ctx context.Context, stateDir, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	stateDir, err := filepath.Abs(stateDir)
	if err != nil {
		return fmt.Errorf("finding the state folder: %w", err)
	}
	dir := filepath.Join(stateDir, name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := lock(dir, refuseLock)
	if err != nil {
		return err
	}
	defer unlock()
	if err := clean(ctx, stateDir, name); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the lab's folder: %w", err)
	}
	_ = os.Remove(stateDir) // only when it is empty
	return nil
}

// clean removes all but the lab's folder. It needs nothing of the state but
// what follows from the folder's path, so a broken state does not stop it.
func clean(ctx context.Context, stateDir, name string) error {
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	id := labID(stateDir, name)
	groups, err := detectCgroups()
	if err != nil {
		return err
	}
	if err := killGroup(ctx, groups, cgroupName(id)); err != nil {
		return err
	}
	if err := removeNetns(id); err != nil {
		return err
	}
	if err := thisMachine().leave(id); err != nil {
		return err
	}
	dir := filepath.Join(stateDir, name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing the lab's folder: %w", err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("emptying the lab's folder: %w", err)
		}
	}
	return nil
}

// killGroup kills everything in the group and removes it. Round after round,
// because what is being killed may fork.
func killGroup(ctx context.Context, groups cgroups, group string) error {
	if err := groups.endFrozen(group); err != nil {
		return err
	}
	for {
		pids, err := groups.processes(group)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return groups.removeGroup(group)
		}
		for _, pid := range pids {
			if pid == os.Getpid() {
				continue // a thread of ours on its way out
			}
			if err := kill(ctx, pid); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("ending the lab's processes %v: %w", pids, err)
		}
	}
}
