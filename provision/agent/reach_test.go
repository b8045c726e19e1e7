package agent_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
)

var nonce = fmt.Sprintf("%032x", 0xabc)

// free returns ports that nobody uses, for TCP and UDP.
func free(t *testing.T) (tcp, udp int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer p.Close()
	return l.Addr().(*net.TCPAddr).Port, p.LocalAddr().(*net.UDPAddr).Port
}

func at(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func TestListenAndReach(t *testing.T) {
	h := newHost(t)
	listener, caller := h.session(t, sessionOptions{}), h.session(t, sessionOptions{})
	tcp, udp := free(t)
	ports := []api.Port{{Number: tcp}, {Number: udp, UDP: true}}
	opened, err := api.Listen.Call(t.Context(), listener, api.ListenParams{Nonce: nonce, Address: "127.0.0.1", Ports: ports, Within: time.Minute})
	require.NoError(t, err)
	require.Empty(t, opened.Failed)

	stranger, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer stranger.Close()
	go func() {
		for {
			conn, err := stranger.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "220 mail.example.com ESMTP\r\n")
			conn.Close()
		}
	}()
	other := stranger.Addr().String()
	closed, _ := free(t)
	targets := []api.Target{
		{Address: at(tcp)}, {Address: at(udp), UDP: true, Size: 20_000},
		{Address: other}, {Address: other, Live: true}, {Address: at(closed)}, {Address: "nonsense"},
	}
	got, err := api.Reach.Call(t.Context(), caller, api.ReachParams{Nonce: nonce, Targets: targets, Within: 20 * time.Second})
	require.NoError(t, err)
	codes := map[int]string{}
	for _, f := range got.Failed {
		codes[f.Target] = f.Code
	}
	assert.NotContains(t, codes, 0)
	assert.NotContains(t, codes, 1)
	assert.Contains(t, []string{api.ReachOther, api.ReachRefused}, codes[2], "somebody else answers")
	assert.NotContains(t, codes, 3, "a live service need not know the nonce")
	assert.Equal(t, api.ReachRefused, codes[4])
	assert.Equal(t, api.ReachOther, codes[5])

	busy, err := api.Listen.Call(t.Context(), caller, api.ListenParams{Nonce: nonce, Address: "127.0.0.1", Ports: ports, Within: time.Minute})
	require.NoError(t, err)
	require.Len(t, busy.Failed, 2)
	assert.Contains(t, busy.Failed[0].Error, "in use")

	require.NoError(t, listener.Close())
	again, err := api.Listen.Call(t.Context(), caller, api.ListenParams{Nonce: nonce, Address: "127.0.0.1", Ports: ports, Within: time.Minute})
	require.NoError(t, err)
	assert.Empty(t, again.Failed, "ports are free as soon as the session has ended")
	err = api.Listen.Do(t.Context(), caller, api.ListenParams{})
	require.NoError(t, err)
	_, err = net.DialTimeout("tcp", at(tcp), time.Second)
	assert.Error(t, err, "a request without ports closes them")
}

func TestStrangersGetNothingFromListeners(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	tcp, udp := free(t)
	err := api.Listen.Do(t.Context(), s, api.ListenParams{Nonce: nonce, Address: "127.0.0.1", Within: time.Minute,
		Ports: []api.Port{{Number: tcp}, {Number: udp, UDP: true}}})
	require.NoError(t, err)
	conn, err := net.Dial("tcp", at(tcp))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(make([]byte, 16))
	require.NoError(t, err)
	raw, _ := io.ReadAll(conn)
	assert.Empty(t, raw)
	packet, err := net.Dial("udp", at(udp))
	require.NoError(t, err)
	defer packet.Close()
	_, err = packet.Write(make([]byte, 64))
	require.NoError(t, err)
	require.NoError(t, packet.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, err = packet.Read(make([]byte, 64))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	right, err := hex.DecodeString(nonce)
	require.NoError(t, err)
	require.NoError(t, packet.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = packet.Write(append(right, 0, 0))
	require.NoError(t, err)
	n, err := packet.Read(make([]byte, 64))
	require.NoError(t, err)
	assert.LessOrEqual(t, n, 18, "the answer is never larger than the question")
}

func TestListenersEndByThemselves(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	tcp, _ := free(t)
	err := api.Listen.Do(t.Context(), s, api.ListenParams{Nonce: nonce, Address: "127.0.0.1", Ports: []api.Port{{Number: tcp}}, Within: 50 * time.Millisecond})
	require.NoError(t, err)
	assert.Eventually(t, func() bool {
		conn, err := net.DialTimeout("tcp", at(tcp), time.Second)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, time.Minute, 20*time.Millisecond)
}

func TestBadChecksAreRefused(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	ports := []api.Port{{Number: 1}}
	err := api.Listen.Do(t.Context(), s, api.ListenParams{Nonce: "short", Address: "127.0.0.1", Ports: ports})
	assert.ErrorContains(t, err, "nonce")
	err = api.Listen.Do(t.Context(), s, api.ListenParams{Nonce: nonce, Address: "m1", Ports: ports})
	assert.ErrorContains(t, err, "IP address")
	err = api.Reach.Do(t.Context(), s, api.ReachParams{Nonce: "zz"})
	assert.ErrorContains(t, err, "nonce")
	err = api.Inspect.Do(t.Context(), s, api.InspectParams{Ports: make([]api.Port, 300)})
	assert.ErrorContains(t, err, "more than")
}

func TestInspectOfABareHost(t *testing.T) {
	h := newHost(t)
	h.write(t, "/proc/meminfo", "MemTotal: 100 kB\nMemAvailable: 40 kB\n")
	h.write(t, "/proc/sys/kernel/osrelease", "6.1.0\n")
	h.write(t, "/lib/modules/6.1.0/modules.dep", "kernel/net/vxlan.ko.xz: kernel/net/udp_tunnel.ko.xz\n")
	h.write(t, "/sys/module/overlay/initstate", "live\n")
	h.write(t, "/etc/ufw/ufw.conf", "# /etc/ufw/ufw.conf\nENABLED=yes\n")
	before := h.tree(t, "/")
	s := h.session(t, sessionOptions{})
	got, err := api.Inspect.Call(t.Context(), s, api.InspectParams{Paths: []string{"/", "/var/lib/etcd"}, Modules: []string{"vxlan", "overlay", "ip_vs"}})
	require.NoError(t, err)
	assert.EqualValues(t, 40, got.AvailableKiB)
	assert.Equal(t, map[string]string{"vxlan": "loadable", "overlay": "loaded", "ip_vs": "absent"}, got.Modules)
	assert.Equal(t, []string{"ufw"}, got.Firewall.Active)
	assert.Len(t, got.Spaces, 2)

	clock, err := api.Clock.Call(t.Context(), s, api.Empty{})
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), clock.Now, 10*time.Second)

	latency, err := api.Latency.Call(t.Context(), s, api.LatencyParams{Path: "/var/lib/etcd", Within: 200 * time.Millisecond, Writes: 20})
	require.NoError(t, err)
	assert.Positive(t, latency.Writes)
	assert.LessOrEqual(t, latency.Median, latency.P99)
	assert.LessOrEqual(t, latency.P99, latency.Max)
	assert.Equal(t, before, h.tree(t, "/"), "nothing was changed")
}
