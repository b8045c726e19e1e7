//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/event"
	"provision/test/faults"
)

// shortage is a kind of write that finds no room.
type shortage struct {
	name, disk string
	spoil      string   // on both nodes, so that both have it to write
	says       []string // beside the host
	whole      string   // shows that nothing half-written is in use
	setting    bool     // it travels in waves: the other node is not touched after a failure
}

func shortages(ctr string) []shortage {
	const noRoom = "no space left on device"
	return []shortage{
		{"artifact", "/var/lib/provision/blobs", "rm /usr/local/bin/ctr /var/lib/provision/blobs/" + ctr,
			[]string{`binary["/usr/local/bin/ctr"]`, "the disk of /var/lib/provision is full; free space there"}, "test ! -e /usr/local/bin/ctr -a ! -e /var/lib/provision/blobs/" + ctr, false},
		{"program", "/usr/local/bin", "rm /usr/local/bin/ctr",
			[]string{`binary["/usr/local/bin/ctr"]`, noRoom}, `test -z "$(ls -A /usr/local/bin | grep ctr)"`, false},
		{"file", "/etc/kubernetes", "rm /etc/kubernetes/kube-proxy.yaml",
			[]string{`file["/etc/kubernetes/kube-proxy.yaml"]`, noRoom}, `test -z "$(ls -A /etc/kubernetes | grep kube-proxy.yaml)" && systemctl is-active kube-proxy`, true},
		{"key", "/etc/kubernetes", "rm /etc/kubernetes/pki/flannel.*",
			[]string{`cert["/etc/kubernetes/pki/flannel.crt"]`, noRoom}, `test -z "$(ls -A /etc/kubernetes/pki | grep flannel)"`, false},
		{"ledger", "/var/lib/provision/ledger", "rm /etc/kubernetes/kube-proxy.yaml",
			[]string{"was skipped: cannot lock it", "/var/lib/provision/ledger", noRoom}, "test ! -e /etc/kubernetes/kube-proxy.yaml", false},
		{"image", "/var/lib/containerd", `ctr -n k8s.io images ls -q | grep /coredns: | xargs ctr -n k8s.io images rm --sync`,
			[]string{"image[", "coredns", noRoom}, `test -z "$(ctr -n k8s.io images ls -q | grep /coredns:)"`, false},
	}
}

// sha is that of a program of the master, and so of all hosts.
func (c *cluster) sha(t *testing.T, program string) string {
	t.Helper()
	return c.shaOn(t, "master", program)
}

// disksFull has each kind of write find no room on node-1, while node-2 has the
// same to do.
func (c *cluster) disksFull(t *testing.T) {
	var names []string
	for _, s := range shortages(c.sha(t, "/usr/local/bin/ctr")) {
		t.Run(s.name, func(t *testing.T) {
			for _, host := range []string{"node-1", "node-2"} {
				c.on(t, host, "sh", "-c", "PATH=$PATH:/usr/local/bin; "+s.spoil)
			}
			require.NoError(t, c.lab.FillDisk(t.Context(), "node-1", s.disk))
			h := c.listen(t, nil)
			if s.setting {
				h.failed(t, "node-1", s.says...)
				assert.Empty(t, h.of(event.StepDone, "node-2"), "the wave ends: %s", h.all())
			} else {
				h.onlyFailed(t, "node-1", s.says...)
				assert.NotEmpty(t, h.of(event.StepDone, "node-2"), "the other host is finished: %s", h.all())
			}
			c.on(t, "node-1", "sh", "-c", "PATH=$PATH:/usr/local/bin; "+s.whole)
			c.seconds(t, "disk full, apply", h.took)
			require.NoError(t, c.lab.FreeDisk(t.Context(), "node-1", s.disk))
			c.apply(t)
			c.unchanged(t)
		})
		names = append(names, s.name)
	}
	faults.Record(t, "fault-disk-full", "A full disk fails the steps of its host alone; host, resource and reason are named, nothing half-written is used, and with room again apply continues",
		"file systems of one of two workers filled to the last block, under: "+strings.Join(names, ", "), "%d kinds of writes; each time the other worker was finished in the same run (but for a setting, whose wave ends), and one apply later the plan was empty", len(names))
}

// etcdDiskFull fills the disks of etcd and of the ledger while a cluster of one
// host is made.
func (s *suite) etcdDiskFull(t *testing.T) {
	const ledger, data = "/var/lib/provision/ledger", "/var/lib/etcd"
	c := s.bootWith(t, "fullsingle", []string{"--disk", ledger + "=64M", "--disk", data + "=8G"}, sample("single.hcl"), extra("shared-kernel.hcl"))
	require.NoError(t, c.lab.FillDisk(t.Context(), "k1", data))
	h := c.listen(t, nil)
	h.onlyFailed(t, "k1", "/var/lib/etcd has 0.0 GiB free") // checked before it is tried
	require.NoError(t, c.lab.FreeDisk(t.Context(), "k1", data))
	full := false
	h = c.listen(t, func(e said) {
		if e.Type == string(event.StepDone) && !full { // long before etcd starts
			full = true
			require.NoError(t, c.lab.FillDisk(t.Context(), "k1", data))
		}
	})
	h.onlyFailed(t, "k1", "etcd.service", "no space left on device")
	c.seconds(t, "etcd's disk full", h.took)
	require.NoError(t, c.lab.FreeDisk(t.Context(), "k1", data))
	full = false
	h = c.listen(t, func(e said) {
		if e.Type == string(event.StepDone) && !full {
			full = true
			require.NoError(t, c.lab.FillDisk(t.Context(), "k1", ledger))
		}
	})
	h.onlyFailed(t, "k1", "ledger", "no space left on device")
	c.seconds(t, "ledger's disk full in the middle", h.took)
	require.NoError(t, c.lab.FreeDisk(t.Context(), "k1", ledger))
	last := c.apply(t)
	c.unchanged(t)
	a, _ := c.tunnel(t)
	a.allReady(t, "k1")
	faults.Record(t, "fault-disk-full-birth", "A disk that fills up while a cluster is created stops the run with a reason; the next apply continues",
		"on a cluster of one host: etcd's file system full before its first start, then the ledger's in the middle of the next run", "both named; then applied in %.1f s, Node Ready, plan empty", last.took.Seconds())
}

// flip changes one byte of a file, in the middle.
const flip = `f=$1; n=$(($(stat -c %s "$f") / 2)); b=$(od -An -tu1 -j $n -N 1 "$f" | tr -d ' ')
printf "\\$(printf %o $((b ^ 1)))" | dd of="$f" bs=1 seek=$n conv=notrunc status=none`

// damagedBlobs changes bytes of what was received.
func (c *cluster) damagedBlobs(t *testing.T) {
	const program = "/usr/local/bin/ctr"
	sum := c.sha(t, program)
	blob := "/var/lib/provision/blobs/" + sum
	c.on(t, "node-2", "sh", "-c", flip, "sh", program) // and the blob, which is the same file
	c.on(t, "node-1", "sh", "-c", flip, "sh", blob)
	c.on(t, "node-1", "rm", program)
	h := c.listen(t, nil)
	require.Zero(t, h.code, "%s", h.all())
	var bytes int64
	for _, host := range []string{"node-1", "node-2"} {
		assert.Contains(t, c.on(t, host, "sha256sum", program), sum, "%s", host)
		assert.Contains(t, c.on(t, host, "sha256sum", blob), sum, "%s", host)
		_, sent := h.sent(host)
		assert.Positive(t, sent, "sent to %s again", host)
		bytes += sent
	}
	c.unchanged(t)

	// What a cut left is damaged: the rest makes no whole of it.
	c.on(t, "node-1", "sh", "-c", `head -c 1048576 /dev/urandom >"$1.part" && rm "$1" "$2"`, "sh", blob, program)
	torn := c.listen(t, nil)
	torn.onlyFailed(t, "node-1", program, "it will be sent again")
	c.on(t, "node-1", "test", "!", "-e", program)
	c.apply(t)
	c.unchanged(t)
	faults.Record(t, "fault-damaged-blob", "An artifact damaged on a host is detected, never installed, and sent again",
		"one byte flipped in an installed program, in a stored artifact whose program is gone, and garbage in a half-received one", "3 found, 0 installed; %d bytes sent again for the first two, in one run of %.1f s", bytes, h.took.Seconds())
}

// tamperedPlans applies what is no longer the plan that was saved.
func (c *cluster) tamperedPlans(t *testing.T) {
	const drifted = "/etc/kubernetes/kube-proxy.yaml"
	for _, host := range []string{"node-1", "node-2"} {
		c.on(t, host, "rm", drifted)
	}
	file := filepath.Join(t.TempDir(), "saved.plan")
	r := c.verb(t, "plan", "--out", file)
	require.Zero(t, r.code, "%s", r.all())
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	whole := string(raw)
	bad := map[string]string{
		"a host less":        strings.ReplaceAll(whole, "node-2", "node-1"),
		"another action":     strings.Replace(whole, `"create"`, `"remove"`, 1),
		"another file":       strings.ReplaceAll(whole, drifted, "/etc/shadow"),
		"another cluster":    strings.ReplaceAll(whole, `"small"`, `"large"`),
		"another lab":        strings.ReplaceAll(whole, c.name, c.name+"x"),
		"a field more":       strings.Replace(whole, "{", `{"force": true, `, 1),
		"nothing":            "",
		"empty steps":        "{}",
		"cut in the middle":  whole[:len(whole)/2],
		"the last byte less": strings.TrimRight(whole, "\n")[:len(strings.TrimRight(whole, "\n"))-1],
	}
	before := c.traces(t, "node-1", "node-2")
	for name, text := range bad {
		require.NotEqual(t, whole, text, name)
		torn := filepath.Join(t.TempDir(), "torn.plan")
		require.NoError(t, os.WriteFile(torn, []byte(text), 0o600))
		r := c.provision(t, append([]string{"apply", "--yes", torn}, c.inventory()...)...)
		assert.Equal(t, 1, r.code, "%s: %s", name, r.all())
		assert.Contains(t, r.err, "plan", "%s", name)
		t.Logf("%s: %s", name, strings.TrimSpace(r.err))
	}
	for host, was := range before { // the lock was taken, so books differ
		is := c.trace(t, host)
		assert.Equal(t, was.Units, is.Units, "units of %s", host)
		assert.Equal(t, was.Files, is.Files, "files of %s", host)
	}
	r = c.provision(t, append([]string{"apply", "--yes", file}, c.inventory()...)...)
	assert.Zero(t, r.code, "the plan that was saved: %s", r.all())
	c.unchanged(t)
	faults.Record(t, "fault-tampered-plan", "A truncated or edited saved plan is refused and nothing is changed",
		"apply of a saved plan with other hosts, actions, files, cluster, lab or fields, and cut", "%d of %d refused; units and files of both workers as before", len(bad), len(bad))
}
