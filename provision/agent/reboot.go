package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/internal/names"
	"provision/provision/internal/system"
)

// bootTime bounds the wait for the end of a boot: jobs that hang tell nobody.
const bootTime = 2 * time.Minute

// rebootDelay is how long the session has to end before the host goes down: the
// answer gets out, the ledger is closed, and systemd does not wait for the scope
// of an agent that it has to stop.
const rebootDelay = "2s"

// reboot restarts the host in a moment, unless the boot that is meant has ended.
func (s *session) reboot(ctx context.Context, params api.RebootParams) (api.RebootResult, error) {
	if _, err := s.writer(params.Epoch); err != nil {
		return api.RebootResult{}, err
	}
	result := api.RebootResult{BootID: hostfacts.BootID(s.sys.Files)}
	switch {
	case params.BootID == "" || result.BootID == "":
		return result, api.BadRequest("a reboot needs the id of the boot that is to end, and the host must know its own")
	case result.BootID != params.BootID:
		var err error
		result.State, err = s.booted(ctx)
		return result, err
	}
	s.sys.Point("rebooting")
	_, err := s.sys.Runner.Run(ctx, system.Command{Argv: []string{"systemd-run", "--quiet", "--collect",
		"--on-active=" + rebootDelay, "--timer-property=AccuracySec=100ms", "systemctl", "reboot", "--no-wall"}})
	if err != nil {
		return result, fmt.Errorf("rebooting: %w", err)
	}
	return result, nil
}

// booted waits until systemd has done all that belongs to the boot.
func (s *session) booted(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	done, err := s.sys.Runner.Run(ctx, system.Command{Argv: []string{"systemctl", "is-system-running", "--wait"}})
	state := strings.TrimSpace(string(done.Stdout))
	switch failed := (*system.CommandError)(nil); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "starting", nil // what it hangs in may not matter: the operator asks services
	case errors.As(err, &failed) && failed.Code > 0:
		state = cmp.Or(state, failed.Tail) // it ends with 1 when anything failed
	case err != nil:
		return "", fmt.Errorf("waiting for the end of the boot: %w", err)
	}
	if !names.Only(state, "", names.Lower+"-", 40) {
		return "", fmt.Errorf("waiting for the end of the boot: systemd says %.60q", state)
	}
	return state, nil
}
