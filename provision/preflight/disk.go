package preflight

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
)

const gib = int64(1) << 30

// Paths are the folders of the host that fill up.
func (h Host) Paths() []string {
	var list []string
	for _, f := range h.folders() {
		list = append(list, f.Path)
	}
	return list
}

// folders are those of every host, and of its components.
func (h Host) folders() []component.Folder {
	return append([]component.Folder{{Path: "/", Least: gib, Enough: 4 * gib}, {Path: "/var/lib/provision", Least: gib, Enough: 2 * gib},
		{Path: "/var/log", Least: gib / 4, Enough: gib}}, h.Checks.Folders...)
}

// folder is the one at a path; zero when it is none of the host's.
func (h Host) folder(path string) component.Folder {
	for _, f := range h.folders() {
		if f.Path == path {
			return f
		}
	}
	return component.Folder{}
}

// Writes is the folder in which synced writes must be quick, if there is one.
func (h Host) Writes() (component.Folder, bool) {
	for _, f := range h.folders() {
		if f.Writes != nil {
			return f, true
		}
	}
	return component.Folder{}, false
}

// resources judges disks. A host that already runs has used up what a new one
// needs: only what is nearly full counts there.
func (in Input) resources(h Host) []Finding {
	wanted := h.folders()
	var list []Finding
	seen := map[string]bool{}
	for _, d := range h.Found.Spaces {
		list = append(list, unfitDisk(h, d)...)
		if d.Error != "" || seen[d.Device] || d.Total == 0 {
			continue
		}
		seen[d.Device] = true
		var paths []string
		var all component.Folder // of the file system
		for _, p := range wanted {
			if slices.ContainsFunc(h.Found.Spaces, func(o api.Space) bool { return o.Path == p.Path && o.Device == d.Device }) {
				paths, all.Least, all.Enough = append(paths, p.Path), all.Least+p.Least, all.Enough+p.Enough
				if p.Room > all.Room {
					all.Room, all.Why = p.Room, p.Why
				}
			}
		}
		if f := full(h, d, all); f.What != "" {
			f.What = fmt.Sprintf("the file system of %s has %s", strings.Join(paths, ", "), f.What)
			list = append(list, f)
		}
	}
	return list
}

// unfitDisk judges what kind of file system it is.
func unfitDisk(h Host, d api.Space) []Finding {
	bad := func(s Severity, what, why, remedy string) []Finding {
		return []Finding{{Severity: s, Host: h.Name, Check: Disk, What: d.Path + " " + what, Why: why, Remedy: remedy}}
	}
	folder := h.folder(d.Path)
	network := d.Type == "nfs" || d.Type == "cifs"
	switch {
	case d.Error != "":
		return bad(Error, "cannot be looked at: "+d.Error, "", "check the disk there")
	case d.ReadOnly:
		return bad(Error, "is mounted read-only", "nothing can be installed", "see dmesg for errors of the disk; mount -o remount,rw")
	case folder.Layers && d.Type == "overlay":
		return bad(Error, "lies on an overlay file system", "layers of images cannot be stacked on it", "mount a file system of a disk there (ext4, xfs)")
	case network && folder.Local:
		return bad(Error, "lies on a network file system ("+d.Type+")", "locks and synced writes do not hold there", "mount a local disk there")
	case folder.Holds != "" && (d.Type == "tmpfs" || d.Type == "ramfs"):
		return bad(Warning, "lies in memory ("+d.Type+")", "a reboot loses "+folder.Holds, "mount a disk there")
	}
	return nil
}

func full(h Host, d api.Space, need component.Folder) Finding {
	f := Finding{Host: h.Name, Check: Disk, Remedy: "make room, or mount a larger disk"}
	if h.Begun() {
		need.Least, need.Enough = gib/2, 0
	}
	percent := d.Free * 100 / d.Total
	switch {
	case d.Free < need.Least:
		f.Severity, f.What = Error, amount(d.Free)+" free"
		f.Why = amount(need.Least) + " are the least"
	case d.Inodes > 0 && d.InodeFree*100/d.Inodes < 5:
		f.Severity, f.What = Error, fmt.Sprintf("%d of %d inodes free", d.InodeFree, d.Inodes)
		f.Why = "no more files can be made soon"
	case percent < need.Room:
		f.Severity, f.What = Warning, fmt.Sprintf("%d %% free", percent)
		f.Why = need.Why
	case d.Free < need.Enough:
		f.Severity, f.What = Warning, amount(d.Free)+" free"
		f.Why = amount(need.Enough) + " are comfortable"
	}
	return f
}

func amount(bytes int64) string {
	return fmt.Sprintf("%.1f GiB", float64(bytes)/float64(gib))
}

// latency judges synced writes. Lab hosts share the machine's disk, also while
// others of them start: there a figure says nothing of a host, and only warns.
func latency(h Host) []Finding {
	folder, asked := h.Writes()
	if h.Latency == nil || !asked || h.Latency.P99 <= folder.Writes.Within {
		return nil
	}
	w := folder.Writes
	f := Finding{Severity: Warning, Host: h.Name, Check: Latency, Why: w.Why, Remedy: w.Remedy,
		What: fmt.Sprintf("synced writes in %s take %s (99 of 100; half of %d within %s)", folder.Path,
			short(h.Latency.P99), h.Latency.Writes, short(h.Latency.Median))}
	if w.Worst > 0 && h.Latency.Median > w.Worst && h.Facts.Lab == "" {
		f.Severity, f.Why = Error, w.WhyWorst
	}
	return []Finding{f}
}

func short(d time.Duration) string {
	if d >= time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return d.Round(10 * time.Microsecond).String()
}
