package system

import (
	"context"
	"fmt"
	"time"

	"provision/provision/internal/proc"
)

// killWait bounds the wait for a killed process to be gone: one in an
// uninterruptible wait may never be.
const killWait = 10 * time.Second

func kill(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, killWait)
	defer cancel()
	return proc.Kill(ctx, pid, nil)
}

func refuseKill(_ context.Context, pid int) error {
	return fmt.Errorf("killing process %d: %w", pid, errRooted)
}
