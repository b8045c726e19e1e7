package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// kernelPackages are what a host with a kernel of its own has besides the
// others; of the kernel itself only the files, as its package would pull in
// what builds boot images.
const kernelPackages = "udev,kmod"

// kernelHook fetches the kernel and busybox from where mmdebstrap gets all
// else, and unpacks them. mmdebstrap wants its hooks as shell scripts.
const kernelHook = `set -e; cd "$1/tmp"; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; ` +
	`image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p'); ` +
	`apt-get download -q busybox-static $image; for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$1"; rm "$deb"; done; ` +
	`for dir in "$1"/lib/modules/*; do chroot "$1" depmod "${dir##*/}"; done`

// initModules are what the kernel needs to find its disk and its network.
var initModules = [...]string{"virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4"}

// prepareVM makes what virtual machines boot from.
func prepareVM(ctx context.Context, o Options) (*vmState, error) {
	if runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("cannot make virtual machines on %s: only amd64 is provided for", runtime.GOARCH)
	}
	rootfs, err := makeRootfs(ctx, o.CacheDir, VM, o.Suite, o.Progress)
	if err != nil {
		return nil, err
	}
	vm := &vmState{Rootfs: rootfs, Initrd: rootfs + ".initrd", Machine: o.Machine}
	kernels, err := filepath.Glob(filepath.Join(rootfs, "boot", "vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return nil, fmt.Errorf("cannot make virtual machines: %s has %d kernels; remove it, and it will be rebuilt", rootfs, len(kernels))
	}
	vm.Kernel = kernels[0]
	release := strings.TrimPrefix(filepath.Base(vm.Kernel), "vmlinuz-")
	image, err := initrd(ctx, rootfs, release)
	if err != nil {
		return nil, err
	}
	if err := writeFileAtomic(vm.Initrd, image, 0o644); err != nil {
		return nil, err
	}
	vm.Accel, err = fastest(ctx, o, vm)
	return vm, err
}

// initScript is the first program of a virtual machine. With lab.probe on the
// kernel's command line it only says that it got there.
const initScript = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
if /bin/busybox grep -q lab.probe /proc/cmdline; then echo LAB-PROBE-OK; /bin/busybox poweroff -f; fi
/bin/busybox mount -t devtmpfs dev /dev
for m in $(/bin/busybox cat /modules); do /bin/busybox insmod /$m; done
n=0
until [ -b /dev/vda ] || [ $n -ge 600 ]; do /bin/busybox usleep 50000; n=$((n + 1)); done
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox sh
/bin/busybox umount /proc
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
`

// initrd makes the image that loads the modules of the disk and hands over to
// it: a busybox and a dozen modules, in the order in which modprobe loads them.
func initrd(ctx context.Context, rootfs, release string) ([]byte, error) {
	var order []string
	files := []cpioFile{{"dev", 0o40755, nil}, {"dev/console", 0o20600, nil}, {"proc", 0o40755, nil}, {"root", 0o40755, nil},
		{"bin", 0o40755, nil}, {"init", 0o100755, []byte(initScript)}}
	for _, module := range initModules {
		cmd := exec.CommandContext(ctx, "modprobe", "--show-depends", "--set-version", release, module)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: rootfs}
		cmd.Path, cmd.Err, cmd.Dir = "/usr/sbin/modprobe", nil, "/"
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("finding kernel module %s: %w: %s", module, err, tail(stderr.Bytes(), 2))
		}
		for _, path := range insmods(string(out)) {
			name := filepath.Base(path)
			if strings.Contains(" "+strings.Join(order, " ")+" ", " "+name+" ") {
				continue
			}
			if !strings.HasSuffix(name, ".ko") {
				return nil, fmt.Errorf("cannot load kernel module %s: it is compressed", name)
			}
			data, err := os.ReadFile(filepath.Join(rootfs, path))
			if err != nil {
				return nil, fmt.Errorf("reading kernel module %s: %w", name, err)
			}
			order, files = append(order, name), append(files, cpioFile{name, 0o100644, data})
		}
	}
	busybox, err := os.ReadFile(filepath.Join(rootfs, "bin", "busybox"))
	if err != nil {
		return nil, fmt.Errorf("reading busybox: %w", err)
	}
	files = append(files, cpioFile{"bin/busybox", 0o100755, busybox}, cpioFile{"modules", 0o100644, []byte(strings.Join(order, "\n") + "\n")})
	return cpio(files), nil
}

// insmods reads what "modprobe --show-depends" prints; what is built into the
// kernel needs no file.
func insmods(text string) []string {
	var paths []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "insmod" {
			paths = append(paths, f[1])
		}
	}
	return paths
}

// probeTimeout is long for a machine that runs guests by hardware, which takes
// two seconds, and much too short for one that hangs.
const probeTimeout = 10 * time.Second

// fastest tells whether the machine really boots a kernel by hardware: a device
// that is there says little. The answer is kept until the machine boots again.
func fastest(ctx context.Context, o Options, vm *vmState) (string, error) {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		return "tcg", nil
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("reading the boot's id: %w", err)
	}
	note := filepath.Join(o.CacheDir, "lab", "accelerator")
	if data, err := os.ReadFile(note); err == nil {
		if accel, ok := strings.CutPrefix(string(data), string(boot)); ok && (accel == "kvm" || accel == "tcg") {
			return accel, nil
		}
	}
	o.Progress("trying whether this machine runs virtual machines by hardware (once, up to 10 s)")
	accel := "tcg"
	if probe(ctx, vm) {
		accel = "kvm"
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return accel, writeFileAtomic(note, append(boot, accel...), 0o644)
}

func probe(ctx context.Context, vm *vmState) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	argv := append([]string{"-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-no-reboot", "-m", "256",
		"-kernel", vm.Kernel, "-initrd", vm.Initrd, "-append", "console=ttyS0 quiet panic=-1 lab.probe", "-serial", "stdio"}, accelerator("kvm")...)
	cmd := exec.CommandContext(ctx, qemu, argv...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	return (err == nil || errors.As(err, &exit)) && bytes.Contains(out, []byte("LAB-PROBE-OK"))
}
