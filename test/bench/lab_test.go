//go:build bench

package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"provision/provision/inventory"
	"provision/provision/lab"
	"provision/provision/parts"
)

// labRun is one run of the real binary against five lab hosts.
type labRun struct {
	Name          string  `json:"name"`
	Seconds       float64 `json:"seconds"`
	OperatorCPU   float64 `json:"operator_cpu_seconds"`
	MachineCPU    float64 `json:"machine_cpu_seconds"` // of everything, the hosts included
	OperatorMiB   int64   `json:"operator_peak_mib"`
	MegabytesSent float64 `json:"megabytes_sent"` // to all hosts, over the lab's bridge
	DNSSeconds    float64 `json:"dns_seconds,omitempty"`
}

// labBench is a lab and the binary under test.
type labBench struct {
	lab *lab.Lab
	bin string
	// files of the five hosts; more adds a sixth.
	files, more []string
}

// TestFiveLabHosts measures what the README promises on the machine it runs on:
// three masters with etcd and two nodes, on nothing but what a fresh server has.
func TestFiveLabHosts(t *testing.T) {
	require.Zero(t, os.Geteuid(), "lab hosts take root")
	b := bootLab(t, "../../inventories/lab.hcl")
	var runs []labRun
	cold := b.measure(t, "cold apply", b.files)
	cold.DNSSeconds = cold.Seconds + b.waitDNS(t)
	runs = append(runs, cold)
	for range 3 {
		runs = append(runs, b.measure(t, "no-op apply", b.files))
	}
	runs = append(runs, b.measure(t, "add one node", b.more))
	runs = append(runs, b.measure(t, "no-op apply", b.more))
	for _, r := range runs {
		t.Logf("%-26s %7.2f s   operator %6.2f CPU s, %4d MiB   machine %7.2f CPU s   %8.1f MB sent   DNS %.1f s",
			r.Name, r.Seconds, r.OperatorCPU, r.OperatorMiB, r.MachineCPU, r.MegabytesSent, r.DNSSeconds)
	}
	writeAny(t, "lab", runs)
}

func bootLab(t *testing.T, file string) *labBench {
	t.Helper()
	bin, err := filepath.Abs(valueOr("PROVISION_BIN", "../../bin/provision"))
	require.NoError(t, err)
	b := &labBench{bin: bin, files: []string{file}}
	sixth := filepath.Join(t.TempDir(), "sixth.hcl")
	require.NoError(t, os.WriteFile(sixth, []byte("host \"n3\" {\n  address = \"10.88.0.23\"\n  roles = [\"node\"]\n}\n"), 0o600))
	b.more = append(append([]string(nil), b.files...), sixth)
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: b.more})
	require.NoError(t, problems.Err())
	name := fmt.Sprintf("bench-%d", os.Getpid())
	t.Cleanup(func() { require.NoError(t, lab.Down(context.Background(), name)) })
	b.lab, err = lab.Up(t.Context(), lab.Options{Inventory: inv, Name: name})
	require.NoError(t, err)
	return b
}

func valueOr(name, standard string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return standard
}

// measure applies once. Bytes are counted where the hosts are: on the bridge.
func (b *labBench) measure(t *testing.T, name string, files []string) labRun {
	t.Helper()
	args := []string{"apply", "--yes", "--lab=" + b.lab.Name()}
	for _, f := range files {
		args = append(args, "-i", f)
	}
	cmd := exec.CommandContext(t.Context(), b.bin, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	machine, sent, began := machineCPU(t), b.sent(t), time.Now()
	err := cmd.Run()
	require.NoError(t, err, "%s", out.String())
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return labRun{
		Name: name, Seconds: time.Since(began).Seconds(), MachineCPU: machineCPU(t) - machine,
		OperatorCPU: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		OperatorMiB: usage.Maxrss >> 10, MegabytesSent: float64(b.sent(t)-sent) / 1e6,
	}
}

// sent is what the hosts have received so far. Traffic between hosts counts,
// too: it is small beside artifacts.
func (b *labBench) sent(t *testing.T) int64 {
	t.Helper()
	var total int64
	for _, h := range b.lab.Hosts() {
		text, err := b.lab.Exec(t.Context(), h.Name, "cat", "/sys/class/net/host0/statistics/rx_bytes")
		require.NoError(t, err)
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		require.NoError(t, err)
		total += n
	}
	return total
}

// machineCPU is the time that all cores have worked (proc_stat(5), without idle).
func machineCPU(t *testing.T) float64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	fields := strings.Fields(strings.SplitN(string(raw), "\n", 2)[0])
	var ticks int64
	for i, f := range fields[1:] {
		const idle, iowait = 3, 4
		if n, err := strconv.ParseInt(f, 10, 64); err == nil && i != idle && i != iowait {
			ticks += n
		}
	}
	const perSecond = 100 // USER_HZ
	return float64(ticks) / perSecond
}

// waitDNS asks the cluster's DNS service, through a worker's own kube-proxy,
// until it answers for the API's name; it returns how long that took.
func (b *labBench) waitDNS(t *testing.T) float64 {
	t.Helper()
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: b.files})
	require.NoError(t, problems.Err())
	query := dnsQuery(t, "kubernetes.default.svc."+inv.Network.DNSDomain+".")
	began := time.Now()
	require.Eventually(t, func() bool { return b.ask(t, "n1", inv.Network.DNSAddress, query) }, time.Minute, 50*time.Millisecond)
	return time.Since(began).Seconds()
}

// ask sends a DNS query from a host over TCP, by bash: hosts have nothing else.
func (b *labBench) ask(t *testing.T, host string, server netip.Addr, query []byte) bool {
	var octal strings.Builder
	for _, c := range query {
		fmt.Fprintf(&octal, `\\x%02x`, c)
	}
	script := fmt.Sprintf("exec 3<>/dev/tcp/%s/53 && printf '%s' >&3 && head -c 2 <&3 | od -An -tu1", server, strings.ReplaceAll(octal.String(), `\\`, `\`))
	out, err := b.lab.Exec(t.Context(), host, "timeout", "2", "bash", "-c", script)
	return err == nil && strings.TrimSpace(out) != ""
}

func dnsQuery(t *testing.T, name string) []byte {
	t.Helper()
	parsed, err := dnsmessage.NewName(name)
	require.NoError(t, err)
	message := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: parsed, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	packed, err := message.Pack()
	require.NoError(t, err)
	length := []byte{byte(len(packed) >> 8), byte(len(packed))}
	return append(length, packed...)
}
