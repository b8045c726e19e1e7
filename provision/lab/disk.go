package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is a file system of a host's own, with a size: a folder of it can then
// be full without this machine's disk being so.
type Disk struct {
	Host string `json:"host,omitempty"` // every host when empty
	Path string `json:"path"`           // where it is mounted; "/" is the root file system
	Size int64  `json:"size"`           // bytes
}

// leastDisk holds the file system's own tables and something.
const leastDisk = 16 << 20

// ParseDisk reads [HOST:]PATH=SIZE, with a size such as 512M or 2G.
func ParseDisk(text string) (Disk, error) {
	path, size, ok := strings.Cut(text, "=")
	host, rest, named := strings.Cut(path, ":")
	if !named {
		host, rest = "", path
	}
	bytes, err := parseSize(size)
	if !ok || err != nil {
		return Disk{}, fmt.Errorf("cannot read disk %q: write [HOST:]PATH=SIZE, such as /var/lib/etcd=512M", text)
	}
	d := Disk{Host: host, Path: rest, Size: bytes}
	return d, d.check()
}

func (d Disk) check() error {
	if err := checkPath(nil, hostState{}, Fault{Path: d.Path}); err != nil {
		return err
	}
	if d.Size < leastDisk {
		return fmt.Errorf("cannot make a disk of %d bytes for %s: %d MiB is the least", d.Size, d.Path, leastDisk>>20)
	}
	return nil
}

func parseSize(text string) (int64, error) {
	shift := 0
	switch {
	case strings.HasSuffix(text, "K"):
		shift = 10
	case strings.HasSuffix(text, "M"):
		shift = 20
	case strings.HasSuffix(text, "G"):
		shift = 30
	}
	if shift > 0 {
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > 1<<50>>shift {
		return 0, fmt.Errorf("cannot read size %q: write a number and K, M or G", text)
	}
	return n << shift, nil
}

// disk is the host's own file system mounted at path, nil when there is none.
func (h hostState) disk(path string) *Disk {
	for i := range h.Disks {
		if h.Disks[i].Path == path {
			return &h.Disks[i]
		}
	}
	return nil
}

// disksOf picks a host's disks; one that names the host wins.
func disksOf(all []Disk, host string) []Disk {
	var found []Disk
	for _, named := range []bool{true, false} {
		for _, d := range all {
			h := hostState{Disks: found}
			if (d.Host == host && named || d.Host == "" && !named) && h.disk(d.Path) == nil {
				found = append(found, Disk{Path: d.Path, Size: d.Size})
			}
		}
	}
	return found
}

func diskImage(hostDir, path string) string {
	name := strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")
	if name == "" {
		name = "_"
	}
	return filepath.Join(hostDir, "disks", name+".img")
}

// makeDisks makes the images of a container's disks. The root file system's own
// has what the host differs in from the shared one, and starts with the seed.
func makeDisks(ctx context.Context, hostDir string, disks []Disk) error {
	for _, d := range disks {
		content := ""
		if d.Path == "/" {
			content = filepath.Join(hostDir, "seed")
			err := os.Mkdir(content, 0o755)
			for _, dir := range []string{upperDir(hostDir), workDir(hostDir)} {
				err = errors.Join(err, os.Rename(dir, filepath.Join(content, filepath.Base(dir))))
			}
			if err != nil {
				return fmt.Errorf("preparing the root disk: %w", err)
			}
		}
		if err := makeImage(ctx, diskImage(hostDir, d.Path), d.Size, content); err != nil {
			return err
		}
	}
	return nil
}

// makeImage makes an ext4 file system with the content of a folder, if given.
// It is sparse: it takes as much of this machine's disk as is in it.
func makeImage(ctx context.Context, image string, size int64, content string) error {
	if err := os.MkdirAll(filepath.Dir(image), 0o700); err != nil {
		return fmt.Errorf("creating a disk: %w", err)
	}
	args := []string{"-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1"}
	if content != "" {
		args = append(args, "-d", content)
	}
	args = append(args, image, strconv.FormatInt(size>>10, 10)+"k")
	cmd := exec.CommandContext(ctx, "mke2fs", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("making disk %s: %w: %s", image, err, tail(out.Bytes(), 3))
	}
	return nil
}

// mountImage mounts an image by a loop device that goes with the mount.
func mountImage(image, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("creating a mount point: %w", err)
	}
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening disk %s: %w", image, err)
	}
	defer backing.Close()
	loop, err := attachLoop(backing, image)
	if err != nil {
		return err
	}
	defer loop.Close() // the mount holds it from now on
	if err := unix.Mount(loop.Name(), target, "ext4", 0, ""); err != nil {
		return fmt.Errorf("mounting disk %s: %w", image, err)
	}
	return nil
}

// attachLoop waits first until the device of a former life is gone: two on one
// image would destroy it.
func attachLoop(backing *os.File, image string) (*os.File, error) {
	if err := awaitNoLoop(image); err != nil {
		return nil, err
	}
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the loop devices: %w; disks of lab hosts need them: modprobe loop", err)
	}
	defer control.Close()
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("finding a free loop device: %w", err)
		}
		loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("opening a loop device: %w", err)
		}
		config := unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &config)
		if err == nil {
			return loop, nil
		}
		loop.Close()
		if !errors.Is(err, unix.EBUSY) { // somebody was faster
			return nil, fmt.Errorf("attaching disk %s to a loop device: %w", image, err)
		}
	}
}

func awaitNoLoop(image string) error {
	tick, deadline := time.NewTicker(5*time.Millisecond), time.NewTimer(downTimeout) // the kernel tells nobody
	defer tick.Stop()
	defer deadline.Stop()
	for loopOf(image) {
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("cannot mount disk %s: it is still in use", image)
		}
	}
	return nil
}

// loopOf reports whether a loop device has the image.
func loopOf(image string) bool {
	files, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(data)) == image {
			return true
		}
	}
	return false
}
