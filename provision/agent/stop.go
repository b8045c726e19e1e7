package agent

import (
	"context"
	"errors"
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/unit"
)

// stop ends units that the ledger has, in their order, and keeps those that say
// so from coming back with the next boot. Units that are not there are fine.
func (s *session) stop(ctx context.Context, params api.StopParams) (none api.Empty, err error) {
	held, err := s.writer(params.Epoch)
	if err != nil {
		return none, err
	}
	state := held.State()
	for _, u := range params.Units {
		at := resource.Address{Kind: unit.Kind, Name: u.Name}
		if _, owned := state.Entry(at.ID()); !owned {
			continue
		}
		if err := s.stopOne(ctx, u); err != nil {
			return none, err
		}
		s.sys.Point("stopped " + u.Name)
	}
	return none, nil
}

func (s *session) stopOne(ctx context.Context, u api.StopUnit) error {
	status, err := s.sys.Units.Status(ctx, u.Name)
	if err != nil || status.LoadState == "not-found" {
		return err
	}
	if u.Disable {
		// systemd goes on to say "enabled" until it reloads, to sessions after this one.
		if err := errors.Join(s.sys.Units.Disable(ctx, u.Name), s.sys.Units.DaemonReload(ctx)); err != nil {
			return err
		}
	}
	if status.ActiveState == "inactive" {
		return nil
	}
	if u.Kill {
		// Asked to end, it would first take its time.
		stopping := system.Command{Argv: []string{"systemctl", "stop", "--no-block", u.Name}}
		killing := system.Command{Argv: []string{"systemctl", "kill", "--signal=KILL", u.Name}}
		_, err := s.sys.Runner.Run(ctx, stopping)
		if _, late := s.sys.Runner.Run(ctx, killing); err == nil && late != nil && ctx.Err() != nil {
			err = late // else it has ended already
		}
		if err != nil {
			return fmt.Errorf("stopping %s: %w", u.Name, err)
		}
	}
	return errors.Join(s.sys.Units.Stop(ctx, u.Name), ctx.Err())
}
