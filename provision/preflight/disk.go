package preflight

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/inventory"
)

const gib = int64(1) << 30

// place is a folder that components fill.
type place struct {
	path string
	// least is what a new host must have free there, enough what it should;
	// those of one file system add up.
	least, enough int64
}

// Paths are the folders of a host that fill up.
func Paths(inv *inventory.Inventory, h inventory.Host) []string {
	var list []string
	for _, p := range places(inv, h) {
		list = append(list, p.path)
	}
	return list
}

func places(inv *inventory.Inventory, h inventory.Host) []place {
	list := []place{{"/", gib, 4 * gib}, {"/var/lib/provision", gib, 2 * gib}, {"/var/log", gib / 4, gib}}
	if h.Joins() {
		list = append(list, place{"/var/lib/containerd", 2 * gib, 10 * gib}, place{"/var/lib/kubelet", gib / 4, gib})
	}
	if h.Has(inventory.RoleEtcd) {
		list = append(list, place{inv.Etcd.DataDir, gib / 2, 2 * gib})
	}
	return list
}

// resources judges disks. A host that already runs has used up what a new one
// needs: only what is nearly full counts there.
func (in Input) resources(h Host) []Finding {
	wanted := places(in.Inventory, h.Host)
	var list []Finding
	seen := map[string]bool{}
	for _, d := range h.Found.Spaces {
		list = append(list, in.unfit(h, d)...)
		if d.Error != "" || seen[d.Device] || d.Total == 0 {
			continue
		}
		seen[d.Device] = true
		var paths []string
		var least, enough int64
		for _, p := range wanted {
			if slices.ContainsFunc(h.Found.Spaces, func(o api.Space) bool { return o.Path == p.path && o.Device == d.Device }) {
				paths, least, enough = append(paths, p.path), least+p.least, enough+p.enough
			}
		}
		if f := full(h, d, least, enough); f.What != "" {
			f.What = fmt.Sprintf("the file system of %s has %s", strings.Join(paths, ", "), f.What)
			list = append(list, f)
		}
	}
	return list
}

// unfit judges what kind of file system it is.
func (in Input) unfit(h Host, d api.Space) []Finding {
	bad := func(s Severity, what, why, remedy string) []Finding {
		return []Finding{{Severity: s, Host: h.Name, Check: Disk, What: d.Path + " " + what, Why: why, Remedy: remedy}}
	}
	etcd := h.Has(inventory.RoleEtcd) && d.Path == in.Inventory.Etcd.DataDir
	images := d.Path == "/var/lib/containerd"
	network := d.Type == "nfs" || d.Type == "cifs"
	switch {
	case d.Error != "":
		return bad(Error, "cannot be looked at: "+d.Error, "", "check the disk there")
	case d.ReadOnly:
		return bad(Error, "is mounted read-only", "nothing can be installed", "see dmesg for errors of the disk; mount -o remount,rw")
	case images && d.Type == "overlay":
		return bad(Error, "lies on an overlay file system", "layers of images cannot be stacked on it", "mount a file system of a disk there (ext4, xfs)")
	case network && (etcd || images):
		return bad(Error, "lies on a network file system ("+d.Type+")", "locks and synced writes do not hold what etcd and containerd need", "mount a local disk there")
	case etcd && (d.Type == "tmpfs" || d.Type == "ramfs"):
		return bad(Warning, "lies in memory ("+d.Type+")", "a reboot loses this etcd member's data", "mount a disk there")
	}
	return nil
}

func full(h Host, d api.Space, least, enough int64) Finding {
	f := Finding{Host: h.Name, Check: Disk, Remedy: "make room, or mount a larger disk"}
	if h.Begun() {
		least, enough = gib/2, 0
	}
	percent := d.Free * 100 / d.Total
	switch {
	case d.Free < least:
		f.Severity, f.What = Error, amount(d.Free)+" free"
		f.Why = amount(least) + " are the least"
	case d.Inodes > 0 && d.InodeFree*100/d.Inodes < 5:
		f.Severity, f.What = Error, fmt.Sprintf("%d of %d inodes free", d.InodeFree, d.Inodes)
		f.Why = "no more files can be made soon"
	case h.Joins() && percent < 15:
		f.Severity, f.What = Warning, fmt.Sprintf("%d %% free", percent)
		f.Why = "kubelet deletes images below 15 % and evicts pods below 10 %"
	case d.Free < enough:
		f.Severity, f.What = Warning, amount(d.Free)+" free"
		f.Why = amount(enough) + " are comfortable"
	}
	return f
}

func amount(bytes int64) string {
	return fmt.Sprintf("%.1f GiB", float64(bytes)/float64(gib))
}

// etcdWrite is what etcd's documentation asks of a disk.
const etcdWrite = 10 * time.Millisecond

// latency judges synced writes. A leader whose every write takes as long as its
// heartbeats are apart is voted out again and again; a few slow writes are not
// enough to keep a host out.
func (in Input) latency(h Host) []Finding {
	if h.Latency == nil || h.Latency.P99 <= etcdWrite {
		return nil
	}
	f := Finding{Severity: Warning, Host: h.Name, Check: Latency,
		What: fmt.Sprintf("synced writes in %s take %s (99 of 100; half of %d within %s)", in.Inventory.Etcd.DataDir,
			short(h.Latency.P99), h.Latency.Writes, short(h.Latency.Median)),
		Why: "etcd wants them within 10 ms", Remedy: "put etcd's data_dir on a disk of its own, best an SSD with power-loss protection"}
	if election := in.Inventory.Etcd.ElectionTimeout; election > 0 && h.Latency.Median > election/10 {
		f.Severity = Error
		f.Why = fmt.Sprintf("etcd would lose its leader again and again: an election takes %s", election)
	}
	return []Finding{f}
}

func short(d time.Duration) string {
	if d >= time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return d.Round(10 * time.Microsecond).String()
}
