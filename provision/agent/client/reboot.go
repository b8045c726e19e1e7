package client

import (
	"context"

	"provision/provision/agent/api"
)

// Reboot restarts the host if it still runs the boot that is named. Else it waits
// until the boot that runs is over.
func (s *Session) Reboot(ctx context.Context, params api.RebootParams) (api.RebootResult, error) {
	result, err := call[api.RebootResult](ctx, s, api.MethodReboot, params)
	if err == nil {
		err = s.sensible(checkReboot(result))
	}
	return result, err
}

func checkReboot(r api.RebootResult) error {
	if err := plainText("the boot id", r.BootID); err != nil {
		return err
	}
	if r.BootID == "" {
		return nonsense("it rebooted and has no boot id")
	}
	return plainText("the state of the boot", r.State)
}
