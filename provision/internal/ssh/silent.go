package ssh

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// sending is what is added for the content that is on its way: a channel's window
// of 2 MiB on a slow link, and the sync of a slow disk.
const sending = 2 * time.Minute

// phase is how far the start of a program has come.
type phase int

const (
	phaseOpen  phase = iota // sshd is to open a channel
	phaseShell              // the login shell is to run our command line
	phaseSudo               // sudo is to let us through
	phaseDisk               // the script that looks at the agent's file is to go on
)

// patience bounds each phase. A host that is slow to log in is slow to start
// programs, too.
func (c *Conn) patience() time.Duration {
	return max(c.pool.opts.Patience, c.target.ConnectTimeout)
}

// silent says what did not answer, and what to look at. Printed is what came
// instead, "" for nothing.
func (c *Conn) silent(at phase, printed string) error {
	t := c.target
	var what, look string
	switch at {
	case phaseOpen:
		what = "sshd took the login, but did not open a channel"
		look = "look at PAM's session modules (/etc/pam.d/sshd), at systemd-logind and at the processes of sshd"
	case phaseShell:
		what = fmt.Sprintf("the login shell of %s did not start our program", t.User)
		look = fmt.Sprintf("look at what its start-up files (.bashrc, .profile) and sshd's ForceCommand run, and whether the home folder of %s answers (NFS)", t.User)
	case phaseSudo:
		what = "sudo did not start our program"
		look = "look at its PAM modules (/etc/pam.d/sudo), at where it looks up users (sssd, LDAP), and whether the host's own name resolves"
	case phaseDisk:
		what = "root's shell did not get to the agent's file"
		look = "the disk below /var/lib/provision hangs or is slow: look at the kernel's log (dmesg)"
	}
	what += fmt.Sprintf(" within %s", c.patience())
	if printed != "" {
		what += fmt.Sprintf("; it printed %.200q", printed)
	}
	return t.fail(ErrSilent, what, look, nil)
}

// printed is the last line that a process wrote to us, or the beginning of what
// it wrote elsewhere: a start-up file that asks a question, for one.
func (p *Process) printed() string {
	if text := p.stderr.text(); text != "" {
		return lastLine(text)
	}
	begun := make(chan string, 1)
	p.conn.wg.Go(func() { // ends with the channel
		b := make([]byte, 256)
		n, _ := p.Stdout.Read(b)
		text := b[:n]
		if end := bytes.LastIndexByte(text, '\n'); n == len(b) && end > 0 {
			text = text[:end] // not half a line
		}
		begun <- lastLine(string(text))
	})
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case text := <-begun:
		return text
	case <-timer.C:
		return ""
	}
}

// beating tells of each piece that is read.
type beating struct {
	io.Reader
	beat chan<- struct{}
}

// Read implements io.Reader.
func (b beating) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	select {
	case b.beat <- struct{}{}:
	default:
	}
	return n, err
}
