package fleettest

import (
	"context"

	"provision/provision/internal/system"
)

// leaves are the files that a unit makes when it first runs.
var leaves = map[string]string{
	"etcd.service":       "/var/lib/etcd/member/snap/db",
	"containerd.service": "/run/containerd/containerd.sock",
}

// units leave behind what real ones do.
type units struct {
	system.Units
	host *Host
}

func (u units) ran(unit string, err error) error {
	if err == nil {
		u.host.fleet.API.register(u.host.Name, unit)
	}
	path, ok := leaves[unit]
	if err != nil || !ok {
		return err
	}
	return u.host.Write(path, "")
}

// Start implements system.Units.
func (u units) Start(ctx context.Context, unit string) error {
	return u.ran(unit, u.Units.Start(ctx, unit))
}

// StartNoWait implements system.Units.
func (u units) StartNoWait(ctx context.Context, unit string) error {
	return u.ran(unit, u.Units.StartNoWait(ctx, unit))
}

// Restart implements system.Units.
func (u units) Restart(ctx context.Context, unit string) error {
	return u.ran(unit, u.Units.Restart(ctx, unit))
}
