package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"provision/provision/internal/proc"
)

// PowerCut ends a host as a pulled plug does: its init is killed, and all that
// it ran with it. What the kernel had in its page cache still reaches the disk.
// Faults of the host end with it, but for full disks.
func (l *Lab) PowerCut(ctx context.Context, host string) error {
	h, err := l.host(host)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	groups, err := detectCgroups()
	if err != nil {
		return err
	}
	if err := groups.endFrozen(l.group(host)); err != nil {
		return fmt.Errorf("cutting the power of host %s: %w", host, err)
	}
	if pid, err := initOf(h.Process); err == nil {
		if err := kill(ctx, pid); err != nil {
			return fmt.Errorf("cutting the power of host %s: %w", host, err)
		}
	}
	// The groups go too: a machine that boots has none of its former life.
	if err := killGroup(ctx, groups, l.group(host)); err != nil {
		return fmt.Errorf("cutting the power of host %s: %w", host, err)
	}
	if err := l.dropPort(h); err != nil {
		return fmt.Errorf("cutting the power of host %s: %w", host, err)
	}
	return l.forgetFaults(h)
}

// PowerOn boots a host that is off and waits until it answers. Unfinished says
// what of it has not come up.
func (l *Lab) PowerOn(ctx context.Context, host string) error {
	h, err := l.host(host)
	if err != nil {
		return err
	}
	if h.Process.alive() {
		return nil
	}
	if err := l.PowerCut(ctx, host); err != nil { // what a halted host left
		return err
	}
	return l.startAll(ctx, func(string) {}, []hostState{h})
}

// start boots one host and waits until its systemd says that it is up and its
// sshd says hello.
func (l *Lab) start(ctx context.Context, h hostState) error {
	ctx, cancel := context.WithTimeout(ctx, h.bootTimeout())
	defer cancel()
	d, err := driverOf(h.Kind)
	if err != nil {
		return err
	}
	b, err := d.start(l, h)
	if err != nil {
		return err
	}
	defer b.close()
	st, err := proc.ReadStat(b.process.Pid)
	if err != nil {
		return fmt.Errorf("reading the process of the host: %w", err)
	}
	err = l.update(func(s *state) {
		if hs, err := s.host(h.Name); err == nil {
			hs.Process = process{PID: st.PID, Start: st.Start}
		}
	})
	if err != nil {
		return err
	}
	return answers(ctx, l.patience(h), b.ready, func(ctx context.Context) error { return l.awaitBanner(ctx, h) })
}

// patience is how long the end of a host's boot is waited for. Once the lab was
// up, a host may have services that cannot start: they hold up the end of a boot
// for as long as they try.
func (l *Lab) patience(h hostState) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Ready {
		return h.bootTimeout() / 2
	}
	return h.bootTimeout()
}

// greetAgain is the pause between two tries to be greeted by a host whose boot
// does not end: when sshd begins to listen there cannot be watched.
const greetAgain = time.Second

// answers waits until a host's boot is over and sshd greets; of a boot that does
// not end in patience, only for sshd.
func answers(ctx context.Context, patience time.Duration, ready, greeted func(context.Context) error) error {
	first, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	slow := ready(first)
	if slow == nil {
		return greeted(ctx)
	}
	if !errors.Is(slow, context.DeadlineExceeded) {
		return slow
	}
	var deaf error
	for ctx.Err() == nil {
		if deaf = greeted(ctx); deaf == nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(greetAgain):
		}
	}
	return errors.Join(slow, deaf)
}

// Unfinished are the units of a host that is on that failed or are still
// starting: "flanneld.service (activating)".
func (l *Lab) Unfinished(ctx context.Context, host string) ([]string, error) {
	out, err := l.Exec(ctx, host, "systemctl", "list-units", "--type=service", "--full", "--plain", "--no-legend", "--no-pager", "--state=activating,failed")
	if err != nil {
		return nil, fmt.Errorf("asking host %s what has not come up: %w", host, err)
	}
	return unfinished(out), nil
}

// unfinished reads systemctl's columns: unit, load, active, sub, description.
func unfinished(table string) []string {
	units := []string{}
	for line := range strings.Lines(table) {
		if words := strings.Fields(line); len(words) >= 4 {
			units = append(units, words[0]+" ("+words[2]+")")
		}
	}
	return units
}

func (l *Lab) group(host string) string { return filepath.Join(cgroupName(l.state.ID), host) }

// awaitReady waits for READY=1, the end of the process, or the deadline.
func awaitReady(ctx context.Context, conn io.Reader, p *os.Process) error {
	exited := make(chan string, 1)
	go func() { // ends with the host; reaps it when we live that long
		st, err := p.Wait()
		exited <- fmt.Sprint(st, " ", err)
	}()
	ready := make(chan error, 1)
	go func() { ready <- readReady(conn) }() // ends when the caller closes conn
	select {
	case err := <-ready:
		return err
	case how := <-exited:
		return fmt.Errorf("cannot boot: the host ended (%s)", how)
	case <-ctx.Done():
		return fmt.Errorf("waiting for systemd to finish booting: %w", ctx.Err())
	}
}

func readReady(conn io.Reader) error {
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

// awaitBanner reads sshd's greeting. Once the boot is over, one try tells.
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
	if err == nil && !strings.HasPrefix(line, "SSH-2.0-") {
		err = errors.New("that is no SSH server")
	}
	if err != nil {
		return fmt.Errorf("reading sshd's greeting (got %q): %w", line, err)
	}
	return nil
}
