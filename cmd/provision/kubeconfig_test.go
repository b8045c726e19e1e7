package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
	"provision/provision/kube"
	"provision/provision/report"
)

// opened is a tunnel that runs, to masters that the test lets come and go.
type opened struct {
	address string
	lost    chan error
	dials   chan error // what the next dials give; nil is a connection that echoes
	lines   *bufio.Reader
	ended   chan error
}

func openTunnel(t *testing.T, ctx context.Context) *opened {
	t.Helper()
	read, write := io.Pipe()
	o := &opened{lost: make(chan error, 1), dials: make(chan error, 4), lines: bufio.NewReader(read), ended: make(chan error, 1)}
	access := &provision.Access{
		Dial: func(context.Context) (net.Conn, error) {
			if err := <-o.dials; err != nil {
				return nil, err
			}
			near, far := net.Pipe()
			go func() {
				_, _ = io.Copy(far, far)
				far.Close()
			}()
			return near, nil
		},
		Lost: func(ctx context.Context) error {
			select {
			case err := <-o.lost:
				return err
			case <-ctx.Done():
				return nil
			}
		},
	}
	g := &cli.Global{Streams: cli.Streams{Out: io.Discard, Err: write}}
	go func() {
		err := serveTunnel(g, ctx, "dc1", access, filepath.Join(t.TempDir(), "kubeconfig"))
		write.Close()
		o.ended <- err
	}()
	assert.Contains(t, o.line(t), "valid for an hour")
	words := strings.Fields(o.line(t))
	require.Len(t, words, 7)
	o.address = words[4]
	return o
}

func (o *opened) line(t *testing.T) string {
	t.Helper()
	line, err := o.lines.ReadString('\n')
	require.NoError(t, err)
	return line
}

// connect sends a word and returns what comes back until the end.
func (o *opened) connect(t *testing.T, word string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", o.address, time.Minute)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, word)
	require.NoError(t, err)
	back := make([]byte, len(word))
	n, _ := io.ReadFull(conn, back) // nothing when the tunnel hangs up
	return string(back[:n])
}

func TestTunnelTellsOnceThatNoMasterAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := openTunnel(t, ctx)
	o.dials <- errors.New("connection refused")
	o.dials <- errors.New("connection refused")
	o.dials <- nil
	told := make(chan string, 2)
	go func() {
		for range 2 {
			line, _ := o.lines.ReadString('\n')
			told <- line
		}
	}()
	assert.Empty(t, o.connect(t, "a"))
	assert.Empty(t, o.connect(t, "b"))
	assert.Equal(t, "c", o.connect(t, "c"))
	assert.Equal(t, "No API server is reachable: connection refused\n", <-told)
	assert.Equal(t, "An API server is reachable again.\n", <-told)
	cancel()
	require.NoError(t, <-o.ended, "an interrupt is no failure of the tunnel")
}

func TestTunnelEndsWithItsSessions(t *testing.T) {
	o := openTunnel(t, t.Context())
	o.lost <- errors.New("the sessions have ended: m1: no heartbeat")
	require.ErrorContains(t, <-o.ended, "the tunnel is closed; run the same command to open it again: the sessions have ended: m1: no heartbeat")
}

func TestFilesThatCannotBeWrittenSayWhatToDo(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "none")
	g := &cli.Global{Streams: cli.Streams{Out: io.Discard, Err: io.Discard}}
	err := writeKubeconfig(g, "dc1", "https://m1:6443", "", &provision.Access{}, filepath.Join(folder, "k"))
	require.EqualError(t, err, "cannot write the kubeconfig to "+folder+"/k: there is no folder "+folder+"; create it, or name another file with --out")
	require.ErrorContains(t, cli.SavePlan(filepath.Join(folder, "p"), nil), "there is no folder "+folder)
	require.ErrorContains(t, cli.CannotWrite("the plan", "p", errors.New("disk full")), "cannot write the plan to p: disk full; name another")
}

func TestStatusIsSafeToShow(t *testing.T) {
	evil := "\x1b]0;pwned\x07\t\n"
	var b strings.Builder
	g := &cli.Global{Streams: cli.Streams{Out: &b, Err: io.Discard}}
	require.NoError(t, showStatus(g, &provision.Status{Cluster: "dc1", Version: evil, APIError: evil, EtcdError: evil, Hosts: []provision.HostStatus{
		{Name: "m1", OS: "Debian" + evil, Node: &kube.NodeStatus{Kubelet: evil, Reason: evil}},
		{Name: "m2", Error: evil}, {Name: "m3", PendingRestarts: []string{evil}},
	}}))
	assert.Equal(t, report.Clean(b.String()), b.String())
	assert.Contains(t, b.String(), "Debian\ufffd]0;pwned\ufffd")
}
