package lab

import (
	"context"
	"errors"
	"time"
)

// CutNetwork pulls the host's cable: nothing reaches it and nothing leaves it.
func (l *Lab) CutNetwork(ctx context.Context, host string) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultNetwork})
}

// Block drops the host's traffic with some hosts of the lab (Operator is this
// machine; all when from is empty), or only what they send to its TCP ports.
func (l *Lab) Block(ctx context.Context, host string, from []string, ports ...int) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultBlock, From: from, Ports: ports})
}

// LimitRate makes the host's link slow, in both directions.
func (l *Lab) LimitRate(ctx context.Context, host string, bitsPerSecond int64) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultRate, Rate: bitsPerSecond})
}

// RestoreNetwork ends what CutNetwork, Block and LimitRate made.
func (l *Lab) RestoreNetwork(ctx context.Context, host string) error {
	return errors.Join(l.Fix(ctx, Fault{Host: host, Kind: FaultNetwork}), l.Fix(ctx, Fault{Host: host, Kind: FaultBlock}),
		l.Fix(ctx, Fault{Host: host, Kind: FaultRate}))
}

// FillDisk fills the file system that holds path, to the last block. It must be
// one of the lab's own (Options.Disks), or that of a virtual machine.
func (l *Lab) FillDisk(ctx context.Context, host, path string) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultDisk, Path: path})
}

// FreeDisk ends what FillDisk made.
func (l *Lab) FreeDisk(ctx context.Context, host, path string) error {
	return l.Fix(ctx, Fault{Host: host, Kind: FaultDisk, Path: path})
}

// Protect makes a folder read-only. Files that are open for writing stay so.
func (l *Lab) Protect(ctx context.Context, host, path string) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultReadOnly, Path: path})
}

// Unprotect ends what Protect made.
func (l *Lab) Unprotect(ctx context.Context, host, path string) error {
	return l.Fix(ctx, Fault{Host: host, Kind: FaultReadOnly, Path: path})
}

// Freeze stops all processes of the host. Connections to a container are still
// accepted by its kernel, and never answered.
func (l *Lab) Freeze(ctx context.Context, host string) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultFreeze})
}

// Thaw ends what Freeze made.
func (l *Lab) Thaw(ctx context.Context, host string) error {
	return l.Fix(ctx, Fault{Host: host, Kind: FaultFreeze})
}

// Slow leaves the host a share of one processor, in percent: 0.1 or more.
func (l *Lab) Slow(ctx context.Context, host string, percent float64) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultSlow, Percent: percent})
}

// FullSpeed ends what Slow made.
func (l *Lab) FullSpeed(ctx context.Context, host string) error {
	return l.Fix(ctx, Fault{Host: host, Kind: FaultSlow})
}

// SetClock moves the clock of a virtual machine away from the true time.
func (l *Lab) SetClock(ctx context.Context, host string, offset time.Duration) error {
	return l.Inject(ctx, Fault{Host: host, Kind: FaultClock, Offset: offset})
}

// ResetClock ends what SetClock made.
func (l *Lab) ResetClock(ctx context.Context, host string) error {
	return l.Fix(ctx, Fault{Host: host, Kind: FaultClock})
}
