package ssh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/sshtest"
)

func sprintAll(v any) string {
	data, _ := json.Marshal(v)
	return fmt.Sprintf("%v %+v %#v %s %q %s", v, v, v, v, v, data)
}

func TestCallersShareOneConnection(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(t)
	conns := make([]*ssh.Conn, 50)
	var wg sync.WaitGroup
	for i := range conns {
		wg.Go(func() {
			c, err := pool.Connect(within(t), w.target)
			assert.NoError(t, err)
			conns[i] = c
		})
	}
	wg.Wait()
	for _, c := range conns {
		assert.Same(t, conns[0], c)
	}
	assert.Equal(t, 1, w.server.Logins())
}

func TestBastionsAreShared(t *testing.T) {
	w := newWorld(t)
	bastion := &sshtest.Server{HostKeys: []gossh.Signer{sshtest.NewSigner()}, Users: w.server.Users, Forwarding: true}
	second := &sshtest.Server{HostKeys: []gossh.Signer{sshtest.NewSigner()}, Users: w.server.Users, Forwarding: true}
	w.net.Add("198.51.100.1:22", bastion)
	w.net.Add("10.9.0.1:2222", second)
	w.know(t, "198.51.100.1:22", bastion)
	w.know(t, "10.9.0.1:2222", second)
	hops := []ssh.Hop{{Address: "198.51.100.1"}, {Address: "10.9.0.1", Port: 2222, User: "ops"}}
	// One login at a time: a host must not hold the place its bastion needs.
	pool := w.pool(t, func(o *ssh.Options) { o.Parallel = 1 })
	var wg sync.WaitGroup
	targets := make([]ssh.Target, 10)
	for i := range targets {
		targets[i] = w.target
		targets[i].Hops = hops
		targets[i].Name, targets[i].Address = fmt.Sprintf("n%d", i), fmt.Sprintf("10.0.1.%d", i)
		w.net.Add(targets[i].Endpoint(), w.server)
		w.know(t, targets[i].Endpoint(), w.server)
	}
	for _, target := range targets {
		wg.Go(func() {
			c, err := pool.Connect(within(t), target)
			if assert.NoError(t, err) {
				out, _, _, err := run(within(t), c, []string{"echo", "hi"}, nil, ssh.StartOptions{})
				assert.NoError(t, err)
				assert.Equal(t, "hi\n", string(out))
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 1, bastion.Logins())
	assert.Equal(t, 1, second.Logins())
	assert.Equal(t, 10, w.server.Logins())
}

func TestBastionProblemsNameTheBastion(t *testing.T) {
	w := newWorld(t)
	bastion := &sshtest.Server{HostKeys: []gossh.Signer{sshtest.NewSigner()}, Users: w.server.Users}
	w.net.Add("198.51.100.1:22", bastion)
	w.target.Hops = []ssh.Hop{{Address: "198.51.100.1"}}
	_, err := w.pool(t).Connect(within(t), w.target)
	require.ErrorIs(t, err, ssh.ErrHostKeyUnknown)
	assert.ErrorContains(t, err, "bastion 198.51.100.1")
	w.know(t, "198.51.100.1:22", bastion)
	_, err = w.pool(t).Connect(within(t), w.target)
	require.ErrorIs(t, err, ssh.ErrUnreachable)
	assert.ErrorContains(t, err, "m1 (10.0.0.11:22): host unreachable: the bastion forbids forwarding")
}

func TestUnreachableHosts(t *testing.T) {
	tests := map[string]struct {
		fault sshtest.Fault
		says  string
		dials int
	}{
		"refused":        {sshtest.Refuse, "connection refused; check that sshd runs", 1},
		"silent":         {sshtest.Silent, "login not finished within 300ms", 1},
		"garbage":        {sshtest.Garbage, "m1 (10.0.0.11:22): host unreachable", 1},
		"drops for long": {sshtest.Drop, "m1 (10.0.0.11:22): host unreachable", 4},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.Fail(tt.fault)
			if tt.fault == sshtest.Silent { // who answers may take its time
				w.target.ConnectTimeout = 300 * time.Millisecond
			}
			pool := w.pool(t)
			_, err := pool.Connect(within(t), w.target)
			require.ErrorIs(t, err, ssh.ErrUnreachable)
			assert.ErrorContains(t, err, tt.says)
			assert.Equal(t, tt.dials, w.net.Dials(address))

			w.server.Fail(sshtest.None) // and it is tried again when asked again
			w.target.ConnectTimeout = 30 * time.Second
			_, err = pool.Connect(within(t), w.target)
			require.NoError(t, err)
		})
	}
}

func TestStaleVerdictAboutANeighbourIsAskedAgain(t *testing.T) {
	for name, back := range map[string]int{"back": 1, "gone": 9} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dials := 0
			pool := w.pool(t, func(o *ssh.Options) {
				real := o.Dial
				o.Dial = func(ctx context.Context, network, to string) (net.Conn, error) {
					if dials++; dials <= back {
						return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
					}
					return real(ctx, network, to)
				}
			})
			_, err := pool.Connect(within(t), w.target)
			assert.Equal(t, 2, dials, "once more, not for ever")
			if name == "back" {
				require.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, ssh.ErrUnreachable)
			assert.ErrorContains(t, err, "no route to host")
		})
	}
}

func TestDialThatHangsEndsWithTheTimeout(t *testing.T) {
	w := newWorld(t)
	w.target.ConnectTimeout = 50 * time.Millisecond
	pool := w.pool(t, func(o *ssh.Options) {
		o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	_, err := pool.Connect(within(t), w.target)
	require.ErrorIs(t, err, ssh.ErrUnreachable)
	assert.ErrorContains(t, err, "no answer within 50ms")
}

func TestCancelOfOneCallerLeavesTheOthers(t *testing.T) {
	w := newWorld(t)
	hold := make(chan struct{})
	started := make(chan struct{}, 10)
	pool := w.pool(t, func(o *ssh.Options) {
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			started <- struct{}{}
			select {
			case <-hold:
				return w.net.Dial(ctx, network, address)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	results := make(chan error, 1)
	go func() {
		_, err := pool.Connect(within(t), w.target)
		results <- err
	}()
	<-started
	cancel(errors.New("interrupted"))
	_, err := pool.Connect(ctx, w.target)
	require.ErrorContains(t, err, "interrupted")
	close(hold)
	require.NoError(t, <-results)
}

func TestDeadHostIsNoticed(t *testing.T) {
	w := newWorld(t)
	w.target.Keepalive = 500 * time.Millisecond // a busy machine may take a while to answer
	c := w.connect(t)
	p, err := c.Start(within(t), []string{"cat"}, ssh.StartOptions{})
	require.NoError(t, err)
	select { // it lives as long as the host answers
	case <-c.Done():
		t.Fatal(c.Err())
	case <-time.After(2 * time.Second):
	}
	w.server.Stall()
	select {
	case <-c.Done():
	case <-within(t).Done():
		t.Fatal("a dead host was not noticed")
	}
	require.ErrorIs(t, c.Err(), ssh.ErrConnectionLost)
	assert.ErrorContains(t, c.Err(), "no answer to keepalives for 1.5s")
	require.ErrorIs(t, p.Wait(), ssh.ErrConnectionLost)
}

func TestLostConnectionIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(t)
	first, err := pool.Connect(within(t), w.target)
	require.NoError(t, err)
	w.server.Hangup()
	<-first.Done()
	require.ErrorIs(t, first.Err(), ssh.ErrConnectionLost)
	require.Eventually(t, func() bool {
		second, err := pool.Connect(within(t), w.target)
		return err == nil && second != first && second.Err() == nil
	}, time.Minute, time.Millisecond)
}

func TestClosedPool(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(t)
	c, err := pool.Connect(within(t), w.target)
	require.NoError(t, err)
	p, err := c.Start(within(t), []string{"cat"}, ssh.StartOptions{})
	require.NoError(t, err)
	require.NoError(t, pool.Close())
	require.ErrorIs(t, p.Wait(), ssh.ErrClosed)
	_, err = pool.Connect(within(t), w.target)
	require.ErrorIs(t, err, ssh.ErrClosed)
	_, err = c.Start(within(t), []string{"true"}, ssh.StartOptions{})
	require.ErrorIs(t, err, ssh.ErrClosed)
}

func sprintTarget(t ssh.Target) string {
	return fmt.Sprintf("%s@%d %v %v", t.User, t.Port, t.IdentityFiles, t.Sudo)
}

// A host that boots refuses logins for a while, and its last connection is no
// use any more.
func TestARebootedHostIsReachedAnew(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(t)
	pool.Forget(w.target) // there is nothing yet
	pool.Gone(within(t), w.target)
	first, err := pool.Connect(within(t), w.target)
	require.NoError(t, err)
	gone := make(chan struct{})
	go func() { defer close(gone); pool.Gone(within(t), w.target) }()
	w.server.Hangup()
	<-gone
	<-first.Done()

	users := w.server.Users
	w.server.Users = nil
	_, err = pool.Connect(within(t), w.target)
	require.ErrorIs(t, err, ssh.ErrAuthFailed)
	w.server.Users = users
	_, err = pool.Connect(within(t), w.target)
	require.ErrorIs(t, err, ssh.ErrAuthFailed, "a refusal is remembered")
	pool.Forget(w.target)
	second, err := pool.Connect(within(t), w.target)
	require.NoError(t, err)

	pool.Forget(w.target)
	<-second.Done()
	third, err := pool.Connect(within(t), w.target)
	require.NoError(t, err)
	assert.NotSame(t, second, third)
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	pool.Gone(short, w.target) // it lives: the wait is over with its time
	require.NoError(t, third.Err())
}
