package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// privateDir is where a container's mounts are made: on a tmpfs of its own
// mount namespace, so that they go when the container goes, however it dies.
const (
	privateDir  = "/run/lab"
	privateRoot = privateDir + "/root"
	privateHost = privateDir + "/host" // the host's folder in the lab's state
)

// diskMount is where a host's own file system is mounted before it starts.
func diskMount(path string) string {
	return filepath.Join(privateDir, strings.TrimSuffix(diskImage("", path), ".img"))
}

// container is all that starting one takes.
type container struct {
	Netns   string // path
	Groups  cgroups
	Group   string
	Lower   string // root file system shared by all hosts
	HostDir string // the host's folder
	Disks   []Disk
	Console string // log file
	Argv    []string
	Env     []string
}

// spawn starts systemd-nspawn detached from this process, inside the lab's
// network namespace, the host's cgroups and a mount namespace of its own. A
// thread that enters those is no use to anyone else: it ends with the call.
func spawn(c container) (*os.Process, error) {
	type result struct {
		p   *os.Process
		err error
	}
	done := make(chan result, 1)
	onOwnThread(func() {
		p, err := c.start()
		done <- result{p, err}
	})
	r := <-done
	return r.p, r.err
}

// onOwnThread runs f on a thread that is thrown away afterwards. The main
// thread cannot be thrown away, so it is passed over.
func onOwnThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			done := make(chan struct{})
			onOwnThread(func() { defer close(done); f() })
			<-done // holding this thread, so that f lands elsewhere
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
}

func (c container) start() (*os.Process, error) {
	netns, err := os.Open(c.Netns)
	if err != nil {
		return nil, fmt.Errorf("opening the lab's network namespace: %w", err)
	}
	defer netns.Close()
	console, err := os.OpenFile(c.Console, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the console log: %w", err)
	}
	defer console.Close()
	if err := c.Groups.enterThread(c.Group); err != nil {
		return nil, err
	}
	if err := c.privateMounts(); err != nil {
		return nil, err
	}
	if err := c.Groups.ownRoot(); err != nil {
		return nil, err
	}
	if err := unix.Setns(int(netns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering the lab's network namespace: %w", err)
	}
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, "/", console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c.Groups.start(cmd, c.Group)
}

// ownMounts gives the thread a mount namespace without the names of network
// namespaces, which it would keep alive after their own lab is gone.
func ownMounts() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("creating a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	return dropMountsBelow(netnsDir)
}

// privateMounts gives the thread a mount namespace with the host's overlay in it.
func (c container) privateMounts() error {
	if err := ownMounts(); err != nil {
		return err
	}
	if err := unix.Mount("lab", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mounting a private /run: %w", err)
	}
	err := errors.Join(os.MkdirAll(privateRoot, 0o755), os.MkdirAll(privateHost, 0o700))
	if err != nil {
		return fmt.Errorf("creating mount points: %w", err)
	}
	if err := unix.Mount(c.HostDir, privateHost, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding the host's folder: %w", err)
	}
	top := c.HostDir
	for _, d := range c.Disks {
		if err := mountImage(diskImage(c.HostDir, d.Path), diskMount(d.Path)); err != nil {
			return err
		}
		if d.Path == "/" {
			top = diskMount(d.Path)
		}
	}
	data := "lowerdir=" + c.Lower + ",upperdir=" + upperDir(top) + ",workdir=" + workDir(top)
	if err := unix.Mount("overlay", privateRoot, "overlay", 0, data); err != nil {
		return fmt.Errorf("cannot mount the host's root file system (overlay over %s): %w; put the lab's state folder on ext4 or xfs", c.Lower, err)
	}
	// systemd-nspawn leaves a folder in /tmp when it is killed.
	if err := unix.Mount("lab", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return fmt.Errorf("mounting a private /tmp: %w", err)
	}
	return nil
}

func dropMountsBelow(dir string) error {
	data, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return fmt.Errorf("reading the mount table: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			err := unix.Unmount(f[4], unix.MNT_DETACH)
			if errors.Is(err, unix.EINVAL) { // `ip netns` has mounted the folder over itself: nobody gets there
				continue
			}
			if err != nil {
				return fmt.Errorf("dropping mount %s: %w", f[4], err)
			}
		}
	}
	return nil
}
