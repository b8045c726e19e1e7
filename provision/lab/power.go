package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// start boots one host and waits until its systemd says that it is up and its
// sshd says hello.
func (l *Lab) start(ctx context.Context, h hostState) error {
	groups, err := detectCgroups()
	if err != nil {
		return err
	}
	group := l.group(h.Name)
	if err := groups.makeGroup(group); err != nil {
		return err
	}
	ready, err := listenReady(filepath.Join(l.hostDir(h.Name), "notify"))
	if err != nil {
		return err
	}
	defer ready.Close()
	var devices []string
	for _, d := range []string{"/dev/kmsg", "/dev/fuse"} {
		if _, err := os.Stat(d); err == nil {
			devices = append(devices, d)
		}
	}
	n := nspawn{Root: privateRoot, Machine: h.Machine, Hostname: h.Name, Bridge: bridgeName(l.state.ID),
		DataDir: filepath.Join(privateHost, "data"), Devices: devices}
	p, err := spawn(container{Netns: l.Netns(), Groups: groups, Group: group, Lower: l.state.Rootfs,
		HostDir: l.hostDir(h.Name), Console: l.console(h.Name), Argv: n.argv(), Env: []string{
			"PATH=" + os.Getenv("PATH"), "SYSTEMD_NSPAWN_API_VFS_WRITABLE=1",
			"NOTIFY_SOCKET=" + filepath.Join(privateHost, "notify")}})
	if err != nil {
		return err
	}
	st, err := readStat(p.Pid)
	if err != nil {
		return fmt.Errorf("reading the process of the host: %w", err)
	}
	err = l.update(func(s *state) {
		if hs, err := s.host(h.Name); err == nil {
			hs.Process = process{PID: p.Pid, Start: st.Start}
		}
	})
	if err != nil {
		return err
	}
	if err := awaitReady(ctx, ready, p); err != nil {
		return err
	}
	return l.awaitBanner(ctx, h)
}

func (l *Lab) group(host string) string { return filepath.Join(cgroupName(l.state.ID), host) }

// listenReady opens the socket on which systemd-nspawn passes the boot's end on.
func listenReady(path string) (*net.UnixConn, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, fmt.Errorf("removing an old notification socket: %w", err)
	}
	// A folder below /proc/self/fd keeps the address within its 108 bytes.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("opening the host's folder: %w", err)
	}
	defer dir.Close()
	short := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: short, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listening for the end of the boot: %w", err)
	}
	return conn, nil
}

// awaitReady waits for READY=1, the end of the process, or the deadline.
func awaitReady(ctx context.Context, conn *net.UnixConn, p *os.Process) error {
	type exit struct{ state *os.ProcessState }
	exited := make(chan exit, 1)
	go func() { // ends with the host; it reaps it when we live that long
		st, _ := p.Wait()
		exited <- exit{st}
	}()
	ready := make(chan error, 1)
	go func() { ready <- readReady(conn) }()
	select {
	case err := <-ready:
		return err
	case e := <-exited:
		return fmt.Errorf("cannot boot: systemd-nspawn ended with %v", e.state)
	case <-ctx.Done():
		return fmt.Errorf("waiting for systemd to finish booting: %w", ctx.Err())
	}
}

func readReady(conn *net.UnixConn) error {
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return fmt.Errorf("reading the boot's progress: %w", err)
		}
		for line := range strings.Lines(string(buf[:n])) {
			if strings.TrimSpace(line) == "READY=1" {
				return nil
			}
		}
	}
}

// awaitBanner reads sshd's greeting. The boot is over, so one try tells.
func (l *Lab) awaitBanner(ctx context.Context, h hostState) error {
	conn, err := l.Dial(ctx, "tcp", h.sshAddress())
	if err != nil {
		return fmt.Errorf("connecting to sshd: %w", err)
	}
	defer conn.Close()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(bootTimeout)
	}
	if err := conn.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("reading sshd's greeting: %w", err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "SSH-2.0-") {
		return fmt.Errorf("reading sshd's greeting: got %q: %w", line, errors.Join(err, errors.New("that is no SSH server")))
	}
	return nil
}
