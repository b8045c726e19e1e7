package lab

import "path/filepath"

// dataDirs are bound from the machine's file system: overlay does not stack on
// overlay, and containerd and kubelet need a real one below them.
var dataDirs = [...]string{"/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd"}

// nspawn is what decides the command line of one container.
type nspawn struct {
	Root     string // the merged overlay
	Machine  string
	Hostname string
	Bridge   string
	DataDir  string   // holds the folders bound to dataDirs, by base name
	Disks    []Disk   // bound from where they are mounted
	Devices  []string // device nodes of the machine to pass on
}

// rebootStatus is how systemd-nspawn ends when the host has rebooted: it leaves
// starting it again to a service manager.
const rebootStatus = "133"

// supervised wraps a command line so that it starts again after a reboot. The
// shell is all that stays of us; the words after the script reach it as they are.
func supervised(argv []string) []string {
	return append([]string{"sh", "-c", `while "$@"; [ $? -eq ` + rebootStatus + ` ]; do :; done`, "lab-host"}, argv...)
}

// argv is systemd-nspawn's command line. The reasons: no system bus may be
// there (register, keep-unit); runc and kubelet need all capabilities and
// system calls, but the machine's clock and modules are not the host's to set.
func (n nspawn) argv() []string {
	args := []string{
		"systemd-nspawn", "--quiet", "--boot", "--settings=no",
		"--register=no", "--keep-unit",
		"--directory=" + n.Root,
		"--machine=" + n.Machine, "--hostname=" + n.Hostname,
		"--capability=all", "--drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE",
		"--system-call-filter=@known",
		"--network-bridge=" + n.Bridge,
		"--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--console=read-only", "--notify-ready=yes",
	}
	own := hostState{Disks: n.Disks}
	for _, d := range dataDirs {
		if own.disk(d) == nil {
			args = append(args, "--bind="+filepath.Join(n.DataDir, filepath.Base(d))+":"+d)
		}
	}
	for _, d := range n.Disks {
		if d.Path != "/" {
			args = append(args, "--bind="+diskMount(d.Path)+":"+d.Path)
		}
	}
	for _, d := range n.Devices {
		args = append(args, "--bind="+d)
	}
	return args
}
