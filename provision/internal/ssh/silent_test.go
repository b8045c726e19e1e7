package ssh_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/hostkey"
	"provision/provision/internal/ssh/shell"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/secret"
)

type endless string

func (s endless) Read(b []byte) (int, error) { return copy(b, s), nil }

// says is a host whose start of the agent says these words and then nothing.
func says(words ...string) sshtest.Handler {
	return func(ctx context.Context, e sshtest.Exec) int {
		mark, _, _ := shell.ParseStart(e.Argv)
		for _, word := range words {
			_, _ = fmt.Fprintf(e.Stderr, "%s %s\n", mark, word)
		}
		<-ctx.Done()
		return 255
	}
}

// prints is a start-up file that writes, to where, and never ends.
func prints(noise io.Reader, where func(sshtest.Exec) io.Writer) sshtest.Handler {
	return func(ctx context.Context, e sshtest.Exec) int {
		_, _ = io.Copy(where(e), noise)
		<-ctx.Done()
		return 255
	}
}

// asks is a sudo that asks for the password and then says nothing.
func asks(ctx context.Context, e sshtest.Exec) int {
	for i, word := range e.Argv {
		if word == "-p" {
			_, _ = io.WriteString(e.Stderr, e.Argv[i+1])
		}
	}
	<-ctx.Done()
	return 255
}

// Whatever a host does not answer, its start ends, and the error says what.
func TestHostsThatDoNotAnswer(t *testing.T) {
	stdout := func(e sshtest.Exec) io.Writer { return e.Stdout }
	stderr := func(e sshtest.Exec) io.Writer { return e.Stderr }
	const shellSilent = "m1 (10.0.0.11:22): no answer: the login shell of ops did not start our program within 400ms"
	tests := map[string]struct {
		exec  sshtest.Handler
		fault sshtest.Fault
		sudo  bool
		says  []string
	}{
		"shell":              {exec: says(), says: []string{shellSilent + "; look at", "(.bashrc, .profile)", "ForceCommand", "home folder of ops"}},
		"shell under sudo":   {exec: says(), sudo: true, says: []string{shellSilent}},
		"a question":         {exec: prints(strings.NewReader("Welcome\nCode: "), stdout), says: []string{shellSilent + `; it printed "Code:"; look at`}},
		"endless output":     {exec: prints(endless("no\n"), stdout), says: []string{shellSilent, `it printed "no"`}},
		"endless errors":     {exec: prints(endless("no\n"), stderr), says: []string{shellSilent, `it printed "`}},
		"sudo":               {exec: says(shell.Shell), sudo: true, says: []string{"no answer: sudo did not start our program within 400ms; look at its PAM modules"}},
		"sudo with password": {exec: asks, sudo: true, says: []string{"no answer: sudo did not start our program"}},
		"disk":               {exec: says(shell.Root), says: []string{"no answer: root's shell did not get to the agent's file within 400ms; the disk below /var/lib/provision"}},
		"disk under sudo":    {exec: says(shell.Shell, shell.Root), sudo: true, says: []string{"the disk below /var/lib/provision"}},
		"an upload":          {exec: takes(says()), says: []string{shellSilent}},
		"no channel":         {fault: sshtest.NoChannel, says: []string{"no answer: sshd took the login, but did not open a channel within 400ms; look at PAM's session modules"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.Exec = tt.exec
			w.target.Sudo, w.target.ConnectTimeout = tt.sudo, 400*time.Millisecond
			if name == "sudo with password" {
				w.target.SudoPassword = secret.New("x")
			}
			binary, _ := agentOn(t, w)
			c := w.connect(t, func(o *ssh.Options) { o.Patience = time.Millisecond }) // less than the host's own
			w.server.Fail(tt.fault)
			_, err := ssh.StartAgent(within(t), c, binary, "serve", "n0nce")
			require.ErrorIs(t, err, ssh.ErrSilent)
			for _, part := range tt.says {
				assert.ErrorContains(t, err, part)
			}
			require.NoError(t, c.Err(), "the connection is of use to others")
		})
	}
}

// takes says that the agent is missing; the upload has the other shell.
func takes(next sshtest.Handler) sshtest.Handler {
	return func(ctx context.Context, e sshtest.Exec) int {
		if mark, _, ok := shell.ParseStart(e.Argv); ok {
			_, _ = fmt.Fprintf(e.Stderr, "%s %s x86_64\n", mark, shell.Missing)
			return shell.ExitMissing
		}
		return next(ctx, e)
	}
}

// A host may take longer than its patience altogether, as long as it gets on.
func TestASlowStartIsNoSilence(t *testing.T) {
	w := newWorld(t)
	w.target.ConnectTimeout, w.target.Sudo = 600*time.Millisecond, true
	w.server.Exec = func(ctx context.Context, e sshtest.Exec) int {
		mark, _, _ := shell.ParseStart(e.Argv)
		ticker := time.NewTicker(400 * time.Millisecond)
		defer ticker.Stop()
		for _, word := range []string{shell.Shell, shell.Root, shell.Ready} {
			<-ticker.C
			_, _ = fmt.Fprintf(e.Stderr, "%s %s\n", mark, word)
		}
		return 0
	}
	binary, _ := agentOn(t, w)
	p, err := ssh.StartAgent(within(t), w.connect(t, func(o *ssh.Options) { o.Patience = time.Millisecond }), binary, "serve", "n0nce")
	require.NoError(t, err)
	require.NoError(t, p.Wait())
}

// A bastion that hangs ends the wait for the host behind it.
func TestABastionThatHangs(t *testing.T) {
	w := newWorld(t)
	w.server.Forwarding = true
	behind := &sshtest.Server{HostKeys: w.server.HostKeys, Users: w.server.Users}
	w.net.Add("10.0.0.12:22", behind)
	w.know(t, "10.0.0.12:22", behind)
	behind.Fail(sshtest.Silent)
	target := w.target
	target.Name, target.Address, target.ConnectTimeout = "m2", "10.0.0.12", 500*time.Millisecond
	target.Hops = []ssh.Hop{{Address: "10.0.0.11", User: "ops"}}
	p := w.pool(t)
	stalled := make(chan struct{})
	go func() {
		defer close(stalled)
		require.Eventually(t, func() bool { return w.net.Dials("10.0.0.12:22") > 0 }, time.Minute, time.Millisecond)
		w.server.Stall()
	}()
	_, err := p.Connect(within(t), target)
	require.ErrorIs(t, err, ssh.ErrUnreachable)
	require.ErrorContains(t, err, "login not finished within 500ms")
	<-stalled

	w.server.Hangup()
	p = w.pool(t)
	bastion, err := p.Bastion(within(t), target)
	require.NoError(t, err)
	w.server.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = hostkey.Scan(ctx, bastion.DialContext, "10.0.0.12:22")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
