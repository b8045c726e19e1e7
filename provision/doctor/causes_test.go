package doctor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logs are lines as the real programs write them.
func TestCauses(t *testing.T) {
	cases := []struct{ line, text string }{
		{`{"level":"fatal","msg":"discovery failed","error":"listen tcp 10.0.0.1:2380: bind: address already in use"}`, "port is taken"},
		{`[ALERT] (12) : Starting frontend kube-apiserver: cannot bind socket (Address already in use) [127.0.0.1:7443]`, "port is taken"},
		{`write /var/lib/etcd/member/wal: no space left on device`, "disk is full"},
		{`{"msg":"failed to list data directory","error":"open /var/lib/etcd: permission denied"}`, "may not read or write"},
		{`kubelet.service: Main process exited, code=exited, status=203/EXEC`, "missing or cannot be run"},
		{`fork/exec /usr/local/bin/runc: exec format error`, "damaged or for another architecture"},
		{`tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026`, "expired, or a clock is wrong"},
		{`x509: certificate signed by unknown authority`, "another authority"},
		{`tls: private key does not match public key`, "do not belong together"},
		{`"command failed" err="failed to run Kubelet: running with swap on is not supported, please disable swap"`, "swap is on"},
		{`kubelet cgroup driver: \"systemd\" is different from docker cgroup driver: \"cgroupfs\"`, "different cgroup drivers"},
		{`Error: unknown flag: --no-such-flag`, "flag that it does not know"},
		{`"command failed" err="failed to load kubelet config file, path: /etc/kubernetes/kubelet.yaml, error: couldn't get version/kind; json parse error"`, "configuration cannot be read"},
		{`containerd: failed to load TOML: toml: expected newline`, "configuration cannot be read"},
		{`{"msg":"panic: mvcc: database space exceeded"}`, "quota"},
		{`walpb: crc mismatch`, "damaged"},
		{`{"error":"the member has been permanently removed from the cluster"}`, "removed from the etcd cluster"},
		{`dial tcp 127.0.0.1:7443: connect: connection refused`, "does not answer (127.0.0.1:7443)"},
		{`Get "https://127.0.0.1:7443": net/http: TLS handshake timeout`, "cannot be reached"},
		{`open /etc/kubernetes/pki/apiserver.crt: no such file or directory`, "file that it needs is missing"},
		{`Could not parse directive at line 3 in file /etc/chrony/chrony.conf`, "configuration cannot be read"},
		{`rafthttp: the clock difference against peer 8e9e05c52164694d is too high [1h0m0s > 1s]`, "clocks of hosts differ"},
		{`mkdir /var/lib/kubelet: read-only file system`, "read-only"},
		{`runtime: out of memory: cannot allocate 4096-byte block`, "out of memory"},
	}
	for _, c := range cases {
		why, found := read([]string{"2026-11-22T12:00:00+0000 m1 etcd[1]: " + c.line})
		require.True(t, found, c.line)
		assert.Contains(t, why.text, c.text, c.line)
	}
	_, found := read([]string{"I1122 all is well", "Serving securely on [::]:6443"})
	assert.False(t, found)
}

func TestPortsAreReadFromTheLine(t *testing.T) {
	for line, port := range map[string]int{
		"listen tcp 10.0.0.1:2380: bind: address already in use":                          2380,
		"listen tcp [::]:10250: bind: address already in use":                             10250,
		"listen tcp :10256: bind: address already in use":                                 10256,
		"cannot bind socket (Address already in use) [127.0.0.1:7443]":                    7443,
		"2026-11-22T13:03:51+0000 m1 x[1]: listen tcp 0.0.0.0:53: address already in use": 53,
	} {
		why, _ := read([]string{line})
		assert.Equal(t, port, why.port, line)
	}
}

func TestOnlyTheLastAttemptsCount(t *testing.T) {
	log := []string{
		"m1 systemd[1]: Starting etcd.service - etcd...", "etcd[1]: bind: address already in use", "m1 systemd[1]: Failed to start etcd.service - etcd.",
		"m1 systemd[1]: Starting etcd.service - etcd...", "etcd[2]: open /x: permission denied", "m1 systemd[1]: Failed to start etcd.service - etcd.",
		"m1 systemd[1]: Starting etcd.service - etcd...", "etcd[3]: going on",
	}
	why, found := read(log)
	require.True(t, found)
	assert.Contains(t, why.text, "may not read or write")
}

func TestALocalCauseBeatsAConsequence(t *testing.T) {
	why, _ := read([]string{"open /etc/x.yaml: no such file or directory", "dial tcp 10.0.0.1:2379: connect: connection refused"})
	assert.True(t, why.local)
	assert.Contains(t, why.text, "missing")
}

func TestLogsLeadWithTheLineThatTells(t *testing.T) {
	log := []string{"x: permission denied"}
	for range 20 {
		log = append(log, "usage", "m1 systemd[1]: etcd.service: Scheduled restart job, restart counter is at 3.")
	}
	why, _ := read(log)
	shown := telling(log, why)
	assert.Equal(t, "x: permission denied", shown[0])
	assert.NotContains(t, strings.Join(shown, "\n"), "Scheduled restart")
}

func FuzzRead(f *testing.F) {
	f.Add("listen tcp [::]:10250: bind: address already in use")
	f.Add("m1 systemd[1]: Starting etcd.service\ndial tcp 1:2: connection refused")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		why, found := read(lines)
		assert.False(t, found && why.text == "")
		telling(lines, why)
	})
}
