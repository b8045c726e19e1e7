package fleettest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system/systemfake"
)

// boots are how a host boots.
type boots struct {
	mu    sync.Mutex
	count int
	deaf  bool   // it ignores the order
	dead  bool   // it goes, and does not come back
	hook  func() // is called while it is down
}

// Boots counts the reboots so far.
func (h *Host) Boots() int {
	h.boots.mu.Lock()
	defer h.boots.mu.Unlock()
	return h.boots.count
}

// Deafen lets the host take orders to reboot and not do it.
func (h *Host) Deafen(deaf bool) {
	h.boots.mu.Lock()
	defer h.boots.mu.Unlock()
	h.boots.deaf = deaf
}

// Bury lets the host not come back from its next reboot.
func (h *Host) Bury() {
	h.boots.mu.Lock()
	defer h.boots.mu.Unlock()
	h.boots.dead = true
}

// Rise is who goes to the machine and switches it on.
func (h *Host) Rise() error {
	h.boots.mu.Lock()
	defer h.boots.mu.Unlock()
	h.boots.dead = false
	return h.bootUp()
}

// WhileDown calls a function in each reboot, when nothing runs on the host.
func (h *Host) WhileDown(hook func()) {
	h.boots.mu.Lock()
	defer h.boots.mu.Unlock()
	h.boots.hook = hook
}

// systemctl is the command, as far as the agent uses it for boots.
func (h *Host) systemctl(argv []string) (string, error) {
	switch {
	case len(argv) > 1 && argv[1] == "is-system-running":
		return "running\n", nil
	case len(argv) > 1 && (argv[1] == "stop" || argv[1] == "kill"): // Units.Stop follows
		return "", nil
	}
	return "", fmt.Errorf("systemctl %q is unknown here", argv[1:])
}

// systemdRun is the command that starts a reboot.
func (h *Host) systemdRun(argv []string) (string, error) {
	if !slices.Contains(argv, "reboot") {
		return "", fmt.Errorf("systemd-run %q is unknown here", argv[1:])
	}
	h.fleet.agents.Go(h.reboot) // the answer may get out, or not
	return "", nil
}

// reboot ends all sessions, and everything of the boot with them.
func (h *Host) reboot() {
	h.boots.mu.Lock()
	defer h.boots.mu.Unlock()
	if h.boots.deaf {
		h.Hangup()
		return
	}
	h.Fail(sshtest.Refuse)
	h.Hangup()
	h.running.Wait()
	if h.boots.hook != nil {
		h.boots.hook()
	}
	if !h.boots.dead {
		_ = h.bootUp() // what it lacks afterwards, tests see
	}
}

func (h *Host) bootUp() error {
	h.boots.count++
	fake, err := systemfake.Open(h.Root, systemfake.Options{})
	if err != nil {
		return err
	}
	for _, gone := range []string{"/run/reboot-required", "/run/reboot-required.pkgs"} { // all of /run is
		if err := os.Remove(filepath.Join(h.Root, gone)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err = errors.Join(fake.Systemd.Boot(),
		h.Write("/proc/sys/kernel/random/boot_id", fmt.Sprintf("6f0c2a52-7a52-4a0c-9c5e-%012x\n", h.boots.count)))
	h.Fail(sshtest.None)
	return err
}
