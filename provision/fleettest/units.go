package fleettest

import (
	"context"
	"strings"

	"provision/provision/internal/etcdlog"
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
	if unit == "etcd.service" {
		if err := u.host.formEtcd(); err != nil {
			return err
		}
	}
	return u.host.Write(path, "")
}

const etcdLog = "/var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal"

// firstEtcd is the id of the cluster that etcd's members form.
const firstEtcd = 0xe7cd

// formEtcd begins the log of a member that has none.
func (h *Host) formEtcd() error {
	if h.Read(etcdLog) != "" {
		return nil
	}
	first := strings.Contains(h.Read("/etc/etcd/bootstrap.env"), "STATE=new\n")
	id, err := h.fleet.API.started(h.Name, "https://"+h.address+":2380", first)
	if err != nil {
		return err
	}
	return h.WriteEtcd(id, firstEtcd)
}

// WriteEtcd makes a host's etcd data those of a member of a cluster.
func (h *Host) WriteEtcd(member, cluster uint64) error {
	return h.Write(etcdLog, string(etcdlog.Segment(member, cluster)))
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
