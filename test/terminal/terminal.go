package terminal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Patience is how long Expect and Wait wait: as long as what works may take on a
// busy machine.
const Patience = 5 * time.Minute

// Terminal is a program on a pseudo-terminal of 120 columns.
type Terminal struct {
	t      testing.TB
	cmd    *exec.Cmd
	master *os.File

	mu     sync.Mutex
	output []byte
	seen   int // what Expect has passed
	more   chan struct{}
	ended  chan struct{} // closed when there will be no more output
	waited chan error
	close  sync.Once
}

// Start starts cmd with a new terminal as its standard streams. It ends with
// the test at the latest.
func Start(t testing.TB, cmd *exec.Cmd) *Terminal {
	t.Helper()
	master, slave, err := open()
	if err != nil {
		t.Fatalf("opening a pseudo-terminal: %v", err)
	}
	if signal.Ignored(os.Interrupt) { // we run in a shell's background: what we start would ignore Ctrl-C, too
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = cmd.Start()
	_ = slave.Close() // the program has its own
	if err != nil {
		_ = master.Close()
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	x := &Terminal{t: t, cmd: cmd, master: master, more: make(chan struct{}, 1), ended: make(chan struct{}), waited: make(chan error, 1)}
	go x.read()
	go func() { x.waited <- cmd.Wait() }()
	t.Cleanup(x.Close)
	return x
}

// Pair is a new terminal without a program: what is typed goes into keys. It is
// closed with the test.
func Pair(t testing.TB) (keys, screen *os.File) {
	t.Helper()
	keys, screen, err := open()
	if err != nil {
		t.Fatalf("opening a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() {
		_ = screen.Close()
		_ = keys.Close()
	})
	return keys, screen
}

func open() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("opening /dev/ptmx: %w", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = errors.Join(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
			unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}))
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = keepOutput(int(slave.Fd()))
	}
	if err != nil {
		_ = master.Close()
	}
	return master, slave, err
}

// keepOutput has Ctrl-C drop nothing: the kernel signals first and empties the
// terminal's buffers afterwards, with what a quick program already said of the
// signal (termios(3), NOFLSH).
func keepOutput(slave int) error {
	mode, err := unix.IoctlGetTermios(slave, unix.TCGETS)
	if err != nil {
		return err
	}
	mode.Lflag |= unix.NOFLSH
	return unix.IoctlSetTermios(slave, unix.TCSETS, mode)
}

// read ends when the program and its children have closed the terminal.
func (x *Terminal) read() {
	defer close(x.ended)
	buffer := make([]byte, 4096)
	for {
		n, err := x.master.Read(buffer)
		x.mu.Lock()
		x.output = append(x.output, buffer[:n]...)
		x.mu.Unlock()
		select {
		case x.more <- struct{}{}:
		default:
		}
		if err != nil {
			return // EIO is how a terminal says that nobody has it open
		}
	}
}

// Output is everything shown so far, what was typed included, with \n as the
// end of lines.
func (x *Terminal) Output() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return strings.ReplaceAll(string(x.output), "\r\n", "\n")
}

// Expect waits until text is shown, after what was expected before, and
// returns what was shown up to it.
func (x *Terminal) Expect(text string) string {
	x.t.Helper()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	for last := false; ; {
		if shown, ok := x.find(text); ok {
			return shown
		}
		if last {
			x.t.Fatalf("%s ended without showing %q; it showed:\n%s", x.cmd.Path, text, x.Output())
		}
		select {
		case <-x.more:
		case <-x.ended:
			last = true
		case <-timer.C:
			x.t.Fatalf("%s did not show %q within %s; it showed:\n%s", x.cmd.Path, text, Patience, x.Output())
		}
	}
}

func (x *Terminal) find(text string) (string, bool) {
	all := x.Output()
	x.mu.Lock()
	defer x.mu.Unlock()
	at := strings.Index(all[x.seen:], text)
	if at < 0 {
		return "", false
	}
	shown := all[x.seen : x.seen+at+len(text)]
	x.seen += at + len(text)
	return shown, true
}

// Send types a line and the return key. What is sent before a program waits
// for it is lost where it drops typed-ahead input: Expect its question first.
func (x *Terminal) Send(line string) {
	x.t.Helper()
	if _, err := x.master.WriteString(line + "\n"); err != nil {
		x.t.Fatalf("typing %q: %v", line, err)
	}
}

// Press types without the return key: "\x03" is Ctrl-C, "\x04" Ctrl-D.
func (x *Terminal) Press(keys string) {
	x.t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		x.t.Fatalf("typing %q: %v", keys, err)
	}
}

// Wait waits for the program's end, and returns its exit code and all output.
func (x *Terminal) Wait() (code int, output string) {
	x.t.Helper()
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case err := <-x.waited:
		x.waited <- err // for those who ask again
	case <-timer.C:
		x.t.Fatalf("%s did not end within %s; it showed:\n%s", x.cmd.Path, Patience, x.Output())
	}
	select {
	case <-x.ended:
	case <-timer.C: // a child keeps the terminal open: what is there must do
	}
	return x.cmd.ProcessState.ExitCode(), x.Output()
}

// Close hangs up, as a closed window does, and kills a program that stays.
func (x *Terminal) Close() {
	x.close.Do(func() {
		_ = x.cmd.Process.Kill()
		x.waited <- <-x.waited
		_ = x.master.Close()
		<-x.ended
	})
}
