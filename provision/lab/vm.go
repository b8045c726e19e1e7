package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// qemu is the emulator of virtual machines.
const qemu = "qemu-system-x86_64"

// vmState is what a virtual machine boots from.
type vmState struct {
	Rootfs  string  `json:"rootfs"` // with a kernel in it
	Kernel  string  `json:"kernel"`
	Initrd  string  `json:"initrd"`
	Accel   string  `json:"accel"` // "kvm" or "tcg"
	Machine Machine `json:"machine"`
}

func (m *Machine) complete() error {
	if m.CPUs == 0 {
		m.CPUs = 2
	}
	if m.Memory == 0 {
		m.Memory = 2048
	}
	if m.CPUs < 1 || m.CPUs > 64 || m.Memory < 512 {
		return fmt.Errorf("cannot make virtual machines of %d processors and %d MiB: they need at least 1 and 512", m.CPUs, m.Memory)
	}
	return nil
}

// vmDisk is the size of a virtual machine's root file system: what a node is
// asked to have free, and more. The image is sparse: it takes what is in it.
const vmDisk = 10 << 30

// vmFiles are what a virtual machine has besides the seed of all hosts: it says
// on its second serial port that it is up.
func vmFiles() []seedFile {
	const path = "/etc/systemd/system/lab-ready.service"
	unit := "[Unit]\nDescription=Tell the lab that the host is up\nAfter=ssh.service\n\n" +
		"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=sh -c 'echo READY=1 >/dev/ttyS1'\n"
	return []seedFile{
		{Path: path, Mode: 0o644, Data: unit},
		{Path: "/etc/systemd/system/multi-user.target.wants/lab-ready.service", Mode: os.ModeSymlink, Target: path},
	}
}

func vmImage(hostDir string) string { return diskImage(hostDir, "/") }

// makeVM makes the root disk: the shared root file system, and the seed written
// into it.
func makeVM(ctx context.Context, dir string, h hostState, s seed) error {
	size := int64(vmDisk)
	if d := h.disk("/"); d != nil {
		size = d.Size
	}
	if err := makeImage(ctx, vmImage(dir), size, h.VM.Rootfs); err != nil {
		return err
	}
	err := onThread(func() error { // with a mount namespace that goes with the thread
		if err := ownMounts(); err != nil {
			return err
		}
		if err := unix.Mount("lab", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
			return fmt.Errorf("mounting a private /run: %w", err)
		}
		if err := mountImage(vmImage(dir), privateRoot); err != nil {
			return err
		}
		return errors.Join(writeSeed(privateRoot, s.files()), unix.Unmount(privateRoot, 0))
	})
	if err != nil {
		return fmt.Errorf("writing the disk of host %s: %w", h.Name, err)
	}
	return nil
}

// machines are hosts by QEMU.
type machines struct{}

func (machines) start(l *Lab, h hostState) (*booting, error) {
	groups, err := detectCgroups()
	if err != nil {
		return nil, err
	}
	if err := groups.makeGroup(l.group(h.Name)); err != nil {
		return nil, err
	}
	dir := l.hostDir(h.Name)
	if err := os.RemoveAll(filepath.Join(dir, "notify")); err != nil {
		return nil, fmt.Errorf("removing an old notification socket: %w", err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the host's folder: %w", err)
	}
	defer folder.Close()
	// A folder below /proc/self/fd keeps the address within its 108 bytes.
	ln, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/notify", folder.Fd()))
	if err != nil {
		return nil, fmt.Errorf("listening for the end of the boot: %w", err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // the path is that of another file by then
	var p *os.Process
	err = onThread(func() (err error) {
		p, err = l.startQEMU(groups, h)
		return err
	})
	if err != nil {
		ln.Close()
		return nil, err
	}
	return &booting{process: p, close: func() { ln.Close() },
		ready: func(ctx context.Context) error { return awaitReady(ctx, &accepted{ln: ln}, p) }}, nil
}

// accepted reads lines from the first connection to come: a serial port sends
// one byte after the other.
type accepted struct {
	ln net.Listener
	r  *bufio.Reader
}

func (a *accepted) Read(buf []byte) (int, error) {
	if a.r == nil {
		c, err := a.ln.Accept()
		if err != nil {
			return 0, err
		}
		a.r = bufio.NewReader(c)
	}
	line, err := a.r.ReadString('\n')
	return copy(buf, line), err
}

// startQEMU runs on a thread that is thrown away afterwards.
func (l *Lab) startQEMU(groups cgroups, h hostState) (*os.Process, error) {
	netns, err := os.Open(l.Netns())
	if err != nil {
		return nil, fmt.Errorf("opening the lab's network namespace: %w", err)
	}
	defer netns.Close()
	if err := groups.enterThread(l.group(h.Name)); err != nil {
		return nil, err
	}
	if err := ownMounts(); err != nil {
		return nil, err
	}
	if err := unix.Setns(int(netns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering the lab's network namespace: %w", err)
	}
	tap, err := makeTap(linkName(h.Machine), bridgeName(l.state.ID))
	if err != nil {
		return nil, err
	}
	defer tap.Close() // QEMU holds it, and it goes with QEMU
	argv := qemuArgv(h, h.VM, vmImage(l.hostDir(h.Name)), l.console(h.Name))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.ExtraFiles = l.hostDir(h.Name), []*os.File{tap}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	log, err := os.OpenFile(l.console(h.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the console log: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	return groups.start(cmd, l.group(h.Name))
}

// makeTap makes a port of the bridge whose cable is the file.
func makeTap(name, bridge string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/net/tun: %w; virtual machines need it: modprobe tun", err)
	}
	tap := os.NewFile(uintptr(fd), "/dev/net/tun")
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err == nil {
		err = plugIn(name, bridge)
	}
	if err != nil {
		tap.Close()
		return nil, fmt.Errorf("making port %s: %w", name, err)
	}
	return tap, nil
}

func plugIn(name, bridge string) error {
	link, err1 := netlink.LinkByName(name)
	br, err2 := netlink.LinkByName(bridge)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return errors.Join(netlink.LinkSetMaster(link, br), netlink.LinkSetUp(link))
}

// accelerator is how QEMU runs the guest's code.
func accelerator(accel string) []string {
	if accel == "kvm" {
		return []string{"-accel", "kvm", "-cpu", "host"}
	}
	return []string{"-accel", "tcg,thread=multi", "-cpu", "max"}
}

// qemuArgv is QEMU's command line. File 3 is the host's cable.
func qemuArgv(h hostState, vm *vmState, image, console string) []string {
	mac := "52:54:00:" + h.MachineID[0:2] + ":" + h.MachineID[2:4] + ":" + h.MachineID[4:6]
	argv := append([]string{qemu, "-name", h.Name, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35"}, accelerator(vm.Accel)...)
	return append(argv,
		"-smp", strconv.Itoa(vm.Machine.CPUs), "-m", strconv.Itoa(vm.Machine.Memory),
		"-kernel", vm.Kernel, "-initrd", vm.Initrd,
		"-append", "console=ttyS0 net.ifnames=0 panic=10 quiet loglevel=4",
		"-chardev", "file,id=console,append=on,path="+escapeComma(console), "-serial", "chardev:console",
		"-chardev", "socket,id=ready,path=notify", "-serial", "chardev:ready",
		"-drive", "if=virtio,format=raw,cache=unsafe,discard=unmap,file="+escapeComma(image),
		"-netdev", "tap,id=net,fd=3", "-device", "virtio-net-pci,netdev=net,mac="+mac,
		"-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng")
}

// escapeComma writes a comma as QEMU's options want it.
func escapeComma(s string) string { return strings.ReplaceAll(s, ",", ",,") }
