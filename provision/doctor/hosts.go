package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/event"
)

// Places in the order of findings that follow from nothing else.
const (
	hostOrder    = 0
	unitOrder    = 100
	clusterOrder = 10_000
	nodeOrder    = 20_000
	noteOrder    = 30_000
)

// host judges one host, apart from its services.
func (d *diagnosis) host(h Host) {
	base := Finding{Level: Problem, Host: h.Name, order: hostOrder, strong: true, Fix: apply(h.Name)}
	if h.Error != "" {
		base.What, base.Summary, base.Cause = "unreachable", "does not answer", firstLine(h.Error)
		base.First = "see that it is powered on and reachable over SSH"
		d.add(base)
		return
	}
	if h.New {
		base.What, base.Summary, base.Cause = "not-set-up", "is not set up yet", "no apply has reached it"
		d.add(base)
		return
	}
	d.disks(base, h)
	d.clock(base, h)
	if h.NoSwap && len(h.Health.Swaps) > 0 {
		f := base
		f.What, f.Summary, f.Cause = "swap", "has swap on: "+strings.Join(h.Health.Swaps, ", "), "somebody turned it on, or it came back with a reboot"
		d.add(f)
	}
	if h.Health.MemoryKiB > 0 && h.Health.MemoryKiB < lowMemory {
		f := base
		f.What, f.Summary = "memory", fmt.Sprintf("has only %d MiB of memory left", h.Health.MemoryKiB>>10)
		f.First, f.Fix = "find what takes it: systemd-cgtop -m", nil
		d.add(f)
	}
	d.certs(base, h)
	d.cut(base, h)
	d.services(base, h)
	for _, unit := range slices.Sorted(maps.Keys(h.Restarts)) {
		f := base
		f.Unit, f.What, f.order = unit, "pending-restart", unitOrder
		f.Summary = "still runs with old inputs: it must " + h.Restarts[unit].Action
		f.Cause = "an apply was interrupted after it changed " + h.Restarts[unit].Cause
		d.add(f)
	}
	d.notes(base, h)
}

const lowMemory = 64 << 10 // KiB

// full and filling are what may be left of a disk.
const (
	full    = 0.03
	filling = 0.12
)

func (d *diagnosis) disks(base Finding, h Host) {
	seen, short := map[string]bool{}, Short(h.Health.Disks, h.Folders)
	for _, disk := range h.Health.Disks {
		if disk.Error != "" || seen[disk.Device] || disk.Total == 0 {
			continue
		}
		seen[disk.Device] = true
		f := base
		f.Fix, f.ID = nil, disk.Path
		left := float64(disk.Free) / float64(disk.Total)
		switch {
		case disk.ReadOnly:
			f.What, f.Summary, f.First = "read-only", "has a read-only file system at "+disk.Path, "look for disk errors: dmesg"
		case left < full:
			f.What, f.Summary = "disk-full", fmt.Sprintf("has no room at %s: %s of %s left", disk.Path, size(disk.Free), size(disk.Total))
			f.First = "make room there; what takes it: du -xh " + disk.Path + " | sort -h | tail"
		case disk.Inodes > 0 && float64(disk.InodeFree)/float64(disk.Inodes) < full:
			f.What, f.Summary = "disk-full", fmt.Sprintf("has no inodes left at %s: %d of %d", disk.Path, disk.InodeFree, disk.Inodes)
			f.First = "remove files there; what takes them: du --inodes -x " + disk.Path + " | sort -n | tail"
		case left < filling || short[disk.Device].Path != "":
			f.Level, f.What, f.order = Note, "disk-filling", noteOrder
			f.Cause = short[disk.Device].Why
			f.ID = cmp.Or(short[disk.Device].Path, disk.Path)
			f.Summary = fmt.Sprintf("is short of room at %s: %s of %s left", f.ID, size(disk.Free), size(disk.Total))
		default:
			continue
		}
		d.add(f)
	}
}

// Short are, by device, the folders with less room than their component needs: the
// one of each file system that needs most.
func Short(disks []api.Space, folders []component.Folder) map[string]component.Folder {
	short := map[string]component.Folder{}
	for _, disk := range disks {
		for _, f := range folders {
			if f.Path == disk.Path && disk.Total > 0 && disk.Free*100/disk.Total < f.Room && f.Room > short[disk.Device].Room {
				short[disk.Device] = f
			}
		}
	}
	return short
}

func size(bytes int64) string {
	if bytes < 1<<30 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
}

// cut is a host that reaches no API server while others do.
func (d *diagnosis) cut(f Finding, h Host) {
	if !h.Cut || !slices.ContainsFunc(d.in.Hosts, func(o Host) bool { return o.Reaches }) {
		return
	}
	f.What, f.Summary = "no-api", "does not reach any API server (port 6443), although other hosts do"
	f.Cause = "a firewall or a missing route between it and the masters"
	f.First = "see what drops it: nft list ruleset; iptables-save; ip route get MASTER"
	f.Fix = nil
	d.add(f)
}

// services is a host on which kube-proxy runs, but not what it set up: it looks
// at its rules only when a Service changes, and once an hour.
func (d *diagnosis) services(f Finding, h Host) {
	proxy := func(u api.Unit) bool { return u.Name == d.in.Proxy && u.Active == "active" }
	if !h.NoService || !slices.ContainsFunc(h.Health.Units, proxy) {
		return
	}
	f.What, f.Summary = "no-services", "reaches the API servers, but not their service address: none of the cluster's services can be used from here"
	f.Cause = "the rules of kube-proxy are gone: somebody flushed the packet filter (nft list tables), or loaded another one"
	f.First = "systemctl restart " + d.in.Proxy + "; if somebody took the routes to pods away as well (ip route), restart the network's service, too"
	f.Fix = nil
	d.add(f)
}

// skewed is how far clocks may differ: etcd warns from one second on, and
// certificates and leases are not far behind.
const skewed = 2 * time.Second

func (d *diagnosis) clock(base Finding, h Host) {
	off := h.Skew - d.middle
	if off.Abs() <= skewed+h.Doubt {
		return
	}
	word := "ahead of"
	if off < 0 {
		word = "behind"
	}
	base.What, base.Summary = "clock", fmt.Sprintf("has a clock that is %s %s those of the others", off.Abs().Round(time.Second), word)
	base.Cause, base.First = "its time is not synchronised", "chronyc tracking; chronyc makestep"
	d.add(base)
}

func (d *diagnosis) certs(base Finding, h Host) {
	for _, c := range h.Health.Certs {
		f := base
		f.ID = c.Path
		left := c.NotAfter.Sub(h.Health.Clock)
		before := h.Certs[c.Path]
		f.What = "certificate"
		switch {
		case c.Error != "":
			f.Summary = "has no good certificate at " + c.Path + ": " + c.Error
		case left <= 0:
			f.Summary = fmt.Sprintf("has an expired certificate at %s: it ended on %s", c.Path, c.NotAfter.Format(time.DateOnly))
			f.Cause = "nothing renewed it"
		case left < before/4:
			f.Summary = fmt.Sprintf("has a certificate at %s that ends on %s", c.Path, c.NotAfter.Format(time.DateOnly))
			f.Cause = "nothing renewed it"
		case left < before:
			f.Level, f.order = Note, noteOrder
			f.Summary = fmt.Sprintf("has a certificate at %s that is due: it ends on %s", c.Path, c.NotAfter.Format(time.DateOnly))
		default:
			continue
		}
		d.add(f)
	}
}

// authorities that have ended explain whatever does not answer.
func (d *diagnosis) authorities() {
	for _, a := range d.in.Authorities {
		f := Finding{Level: Problem, Host: ClusterHost, ID: a.Name, What: "certificate", strong: true, order: hostOrder, Fix: []string{"certs", "renew"},
			Summary: fmt.Sprintf("the authority %s ends on %s", a.Name, a.NotAfter.Format(time.DateOnly)), Cause: "nothing renewed it"}
		if a.Ended {
			f.Summary = fmt.Sprintf("the authority %s ended on %s: nothing that it signed is accepted any more", a.Name, a.NotAfter.Format(time.DateOnly))
		} else {
			f.Level, f.order, f.Cause = Note, noteOrder, "what it signs ends with it"
		}
		d.add(f)
	}
}

// notes are what is worth knowing.
func (d *diagnosis) notes(base Finding, h Host) {
	base.Level, base.order = Note, noteOrder
	if lock := h.Health.Lock; lock != nil {
		f := base
		f.What, f.Fix = "locked", nil
		f.Summary = fmt.Sprintf("is locked by %s since %s", lock.Holder, lock.Since.UTC().Format(time.RFC3339))
		f.First = "it is free when that run ends, or ten seconds after its machine is lost"
		d.add(f)
	}
	if n := len(h.Drift); n > 0 {
		f := base
		f.What = "changed"
		f.Summary = "differs from the inventory in " + event.Count(n, "place")
		for i, drift := range h.Drift {
			if i == 5 {
				f.Changed = append(f.Changed, "…")
				break
			}
			f.Changed = append(f.Changed, drift.Address+": "+drift.Text)
		}
		f.Fix = []string{"plan", "--target", h.Name}
		d.add(f)
	}
}
