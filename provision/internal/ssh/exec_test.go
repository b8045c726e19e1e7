package ssh_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/sshtest"
)

func TestRun(t *testing.T) {
	w := newWorld(t)
	c := w.connect(t)
	big := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB: twice the channel's window
	tests := map[string]struct {
		argv                  []string
		stdin, stdout, stderr string
		code                  int
	}{
		"output":             {argv: []string{"echo", "a  b", "$HOME", "it's", ""}, stdout: "a  b $HOME it's \n"},
		"exit code":          {argv: []string{"sh", "-c", "echo oops >&2; exit 3"}, stderr: "oops", code: 3},
		"not found":          {argv: []string{"/no/such/thing"}, code: 127},
		"input":              {argv: []string{"cat"}, stdin: big, stdout: big},
		"input nobody reads": {argv: []string{"true"}, stdin: big},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code, err := run(within(t), c, tt.argv, strings.NewReader(tt.stdin), ssh.StartOptions{})
			require.NoError(t, err)
			assert.Equal(t, tt.code, code)
			assert.True(t, tt.stdout == string(stdout), "%d bytes of output", len(stdout))
			if tt.stderr != "" {
				assert.Equal(t, tt.stderr, string(stderr))
			}
		})
	}
}

func TestRunRefusesNUL(t *testing.T) {
	w := newWorld(t)
	_, _, _, err := run(within(t), w.connect(t), []string{"echo", "a\x00b"}, nil, ssh.StartOptions{})
	require.ErrorContains(t, err, "NUL")
	assert.Zero(t, w.server.Execs())
}

func TestAtMostEightChannels(t *testing.T) {
	w := newWorld(t)
	hold := make(chan struct{})
	w.server.Exec = func(context.Context, sshtest.Exec) int { <-hold; return 0 }
	c := w.connect(t)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			_, _, code, err := run(within(t), c, []string{"x"}, nil, ssh.StartOptions{})
			assert.NoError(t, err)
			assert.Zero(t, code)
		})
	}
	require.Eventually(t, func() bool { return w.server.Execs() == 8 }, time.Minute, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.Start(ctx, []string{"x"}, ssh.StartOptions{})
	require.ErrorIs(t, err, context.DeadlineExceeded, "waiting in the queue can be given up")
	close(hold)
	wg.Wait()
	assert.Equal(t, 8, w.server.MostSessions())
	assert.Equal(t, 30, c.Channels())
}

func TestProcessIsAConversation(t *testing.T) {
	w := newWorld(t)
	p, err := w.connect(t).Start(within(t), []string{"sh", "-c", `read a; echo "got $a"; read b; echo "got $b" >&2`}, ssh.StartOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(p.Stdin, "one\n")
	require.NoError(t, err)
	line := make([]byte, len("got one\n"))
	_, err = io.ReadFull(p.Stdout, line)
	require.NoError(t, err)
	assert.Equal(t, "got one\n", string(line))
	_, err = io.WriteString(p.Stdin, "two\n")
	require.NoError(t, err)
	require.NoError(t, p.Wait())
	assert.Equal(t, "got two", p.Stderr())
}

func TestCancelledProcessEnds(t *testing.T) {
	for name, end := range map[string]func(p *ssh.Process, cancel func()){
		"cancel": func(_ *ssh.Process, cancel func()) { cancel() },
		"kill":   func(p *ssh.Process, _ func()) { p.Kill(); p.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ended := make(chan struct{})
			w.server.Exec = func(ctx context.Context, _ sshtest.Exec) int {
				<-ctx.Done()
				close(ended)
				return 0
			}
			c := w.connect(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p, err := c.Start(ctx, []string{"forever"}, ssh.StartOptions{})
			require.NoError(t, err)
			end(p, cancel)
			require.Error(t, p.Wait())
			<-ended
			require.NoError(t, c.Err(), "the connection goes on")
		})
	}
}

func TestLongStderrKeepsItsTail(t *testing.T) {
	w := newWorld(t)
	_, stderr, code, err := run(within(t), w.connect(t), []string{"sh", "-c", "cat >&2; echo the end >&2; exit 1"},
		bytes.NewReader(bytes.Repeat([]byte("noise\n"), 100_000)), ssh.StartOptions{})
	require.NoError(t, err)
	assert.Equal(t, 1, code)
	assert.True(t, strings.HasSuffix(string(stderr), "the end"))
	assert.LessOrEqual(t, len(stderr), 64<<10)
}
