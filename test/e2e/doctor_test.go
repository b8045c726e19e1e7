//go:build e2e

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// diagnosed is what doctor --json says.
type diagnosed struct {
	Healthy  bool
	Findings []found
}

type found struct {
	ID, Level, Host, Unit, What, Summary, Cause, First, Command string
	Because                                                     []string
	Changed                                                     []string
	Taken                                                       *struct{ Unit, Command string }
}

// ailment is a service that was broken, and what the doctor must say of it.
type ailment struct {
	unit, what, cause string
	script            string // breaks it
	byHand            string // what the doctor tells to do first, if anything
	taken             string // unit that has its port
}

// garbage is no configuration of anything.
const garbage = `echo '{: garbage' >`

// rounds are broken at once, and fixed at once.
func rounds() [][]ailment {
	return [][]ailment{
		{
			{unit: "kube-scheduler.service", what: "stopped", cause: "stopped", script: "systemctl stop kube-scheduler"},
			{unit: "haproxy.service", what: "masked", cause: "masked", script: "systemctl disable --now haproxy; systemctl mask haproxy"},
			{unit: "flanneld.service", what: "restarting", cause: "program is missing", script: "rm /usr/local/bin/flanneld; systemctl kill -s KILL flanneld"},
			{unit: "kube-proxy.service", what: "restarting", cause: "configuration cannot be read", script: garbage + " /etc/kubernetes/kube-proxy.yaml; systemctl restart kube-proxy"},
			{unit: "kubelet.service", what: "not-enabled", cause: "disabled", script: "systemctl disable kubelet"},
			{unit: "systemd-journald.service", what: "masked", cause: "masked", script: "systemctl mask systemd-journald"},
		},
		{
			{unit: "kubelet.service", what: "restarting", cause: "configuration cannot be read", script: garbage + " /etc/kubernetes/kubelet.yaml; systemctl restart kubelet"},
			{unit: "kube-controller-manager.service", what: "restarting", cause: "flag that it does not know", script: `d=/etc/systemd/system/kube-controller-manager.service.d; mkdir -p $d
				printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/kube-controller-manager --no-such-flag\n' >$d/10-mine.conf
				systemctl daemon-reload; systemctl restart kube-controller-manager`,
				byHand: "rm -r /etc/systemd/system/kube-controller-manager.service.d; systemctl daemon-reload"},
			{unit: "kube-scheduler.service", what: "restarting", cause: "port 10259 is taken by process", taken: "squatter.service",
				script: "systemctl stop kube-scheduler; systemd-run --quiet --unit=squatter.service systemd-socket-activate --accept -l 127.0.0.1:10259 /bin/cat; systemctl start kube-scheduler",
				byHand: "systemctl stop squatter.service"},
		},
		{
			{unit: "containerd.service", what: "stopped", cause: "stopped and disabled", script: "systemctl disable --now containerd"},
			{unit: "etcd.service", what: "restarting", cause: "may not read or write", script: "systemctl stop etcd; chmod 0 /var/lib/etcd; systemctl start --no-block etcd"},
		},
		{
			{unit: "kube-apiserver.service", what: "restarting", cause: "file that it needs is missing", script: "rm /etc/kubernetes/pki/apiserver.crt; systemctl restart --no-block kube-apiserver"},
		},
	}
}

// doctor breaks each key service in turn, in varying ways: it is named, with
// its state, the cause and a command; the command fixes it.
func (s *suite) doctor(t *testing.T) {
	c := s.boot(t, "doctor", sample("single.hcl"), extra("shared-kernel.hcl"))
	c.apply(t)
	c.calm(t)
	named := map[string]bool{}
	var looked time.Duration
	ways := 0
	for _, round := range rounds() {
		ways += len(round)
		looked = max(looked, c.ail(t, round))
		for _, a := range round {
			named[a.unit] = true
		}
	}
	c.hung(t)
	c.flushed(t)
	c.expired(t)
	c.fullDisk(t)
	c.collected(t)
	c.logsSurvive(t)
	faults.Record(t, "doctor-names-and-fixes", "doctor names a broken service, its state and the likely cause; its command fixes it, after the manual step it names",
		"on one host, ten services, each in one or two of these ways: stopped, disabled, masked, without its program, with damaged configuration, an unknown flag, a taken port, an unreadable data folder, a lost certificate",
		"%d services in %d ways; the slowest look took %.1f s", len(named), ways, looked.Seconds())
}

// ail breaks services, asks the doctor, and does what it says.
func (c *cluster) ail(t *testing.T, round []ailment) (looked time.Duration) {
	t.Helper()
	for _, a := range round {
		// What breaks a service may well be told that it failed.
		_, _ = c.lab.Exec(t.Context(), "k1", "sh", "-c", a.script)
	}
	var d diagnosed
	var command string
	eventually(t, time.Minute, "the doctor names what is broken", func(context.Context) error {
		var r ran
		d, r = c.diagnose(t)
		looked = max(looked, r.took)
		for _, a := range round {
			found, err := d.names(a)
			if err != nil {
				return fmt.Errorf("%w in %s", err, r.out)
			}
			command = found
		}
		return nil
	})
	for _, a := range round {
		if a.byHand != "" {
			c.on(t, "k1", "sh", "-c", a.byHand)
		}
	}
	c.obey(t, command)
	c.calm(t)
	return looked
}

// names is the command that the doctor gives for an ailment.
func (d diagnosed) names(a ailment) (string, error) {
	for _, f := range d.Findings {
		if f.Unit != a.unit || f.What != a.what || !strings.Contains(f.Cause, a.cause) {
			continue
		}
		if (a.byHand != "") != (f.First != "") {
			return "", fmt.Errorf("%s: what to do by hand is %q", a.unit, f.First)
		}
		if a.taken != "" && (f.Taken == nil || f.Taken.Unit != a.taken) {
			return "", fmt.Errorf("%s: the port is taken by %v", a.unit, f.Taken)
		}
		return f.Command, nil
	}
	return "", fmt.Errorf("%s is not said to be %s because %s", a.unit, a.what, a.cause)
}

func (c *cluster) diagnose(t *testing.T) (d diagnosed, r ran) {
	t.Helper()
	r = c.verb(t, "doctor", "--json")
	require.NoError(t, json.Unmarshal([]byte(r.out), &d), "%s", r.all())
	assert.Equal(t, d.Healthy, r.code == 0, "%s", r.all())
	return d, r
}

// obey runs a command of the doctor's as it is written.
func (c *cluster) obey(t *testing.T, command string) {
	t.Helper()
	words := strings.Fields(command)
	require.Greater(t, len(words), 2, "%q", command)
	require.Equal(t, "provision", words[0])
	require.Equal(t, "--lab="+c.name, words[1], "the command is for the same target")
	r := c.provision(t, append(words[2:], "--yes")...)
	require.Zero(t, r.code, "%s", r.all())
}

// calm waits until the doctor finds nothing.
func (c *cluster) calm(t *testing.T) {
	t.Helper()
	eventually(t, time.Minute, "nothing is wrong", func(context.Context) error {
		if d, r := c.diagnose(t); !d.Healthy {
			return errors.New(r.out)
		}
		return nil
	})
}

// expired replaces a certificate by one that has ended.
func (c *cluster) expired(t *testing.T) {
	crt, key := oldPair(t)
	c.put(t, "k1", crt, "/etc/etcd/pki/client.crt")
	c.put(t, "k1", key, "/etc/etcd/pki/client.key")
	d, r := c.diagnose(t)
	require.False(t, d.Healthy)
	var command string
	for _, f := range d.Findings {
		if f.What == "certificate" {
			assert.Contains(t, f.Summary, "/etc/etcd/pki/client.crt")
			assert.Contains(t, f.Summary, "expired")
			command = f.Command
		}
	}
	require.NotEmpty(t, command, "%s", r.out)
	c.obey(t, command)
	c.calm(t)
	faults.Record(t, "doctor-expired-certificate", "doctor names an expired certificate and gives the command that renews it",
		"etcd's client certificate replaced by one that ended in 2001", "found in %.1f s", r.took.Seconds())
}

// oldPair is a certificate that ended long ago.
func oldPair(t *testing.T) (crt, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old"},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	crt, key = filepath.Join(dir, "old.crt"), filepath.Join(dir, "old.key")
	require.NoError(t, os.WriteFile(crt, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return crt, key
}

// fullDisk fills a small disk under a folder that provision keeps.
func (c *cluster) fullDisk(t *testing.T) {
	const folder = "/var/log/kubernetes"
	c.on(t, "k1", "sh", "-c", "mkdir -p "+folder+" && mount -t tmpfs -o size=2m none "+folder+" && dd if=/dev/zero of="+folder+"/filler bs=64k 2>/dev/null || true")
	d, r := c.diagnose(t)
	assert.False(t, d.Healthy)
	var said bool
	for _, f := range d.Findings {
		said = said || f.What == "disk-full" && strings.Contains(f.Summary, folder) && f.First != ""
	}
	assert.True(t, said, "%s", r.out)
	c.on(t, "k1", "umount", "-l", folder)
	c.calm(t)
	faults.Record(t, "doctor-full-disk", "doctor names a full disk and what to do", "a file system of 2 MiB filled to the last byte", "found in %.1f s", r.took.Seconds())
}

// collected looks at the archive for helpers.
func (c *cluster) collected(t *testing.T) {
	out := filepath.Join(t.TempDir(), "s.tar.gz")
	r := c.verb(t, "support", "--out", out)
	require.Zero(t, r.code, "%s", r.all())
	info, err := os.Stat(out)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	for _, part := range []string{"status.json", "doctor.json", "plan.json", "inventory.json", "cluster/nodes.json", "hosts/k1/"} {
		assert.Contains(t, r.out, part)
	}
	c.note(t, "support archive", "%d KiB in %.1f s", info.Size()>>10, r.took.Seconds())
}

// logsSurvive cuts the power: what was logged before is there after.
func (c *cluster) logsSurvive(t *testing.T) {
	c.on(t, "k1", "sh", "-c", "echo before-the-cut | systemd-cat -t marker; journalctl --sync")
	log := c.provision(t, append([]string{"logs", "k1", "etcd", "-n", "5"}, c.inventory()...)...)
	require.Zero(t, log.code, "%s", log.all())
	assert.NotEmpty(t, log.out)
	require.NoError(t, c.lab.PowerCut(t.Context(), "k1"))
	down, r := c.diagnose(t)
	require.NotEmpty(t, down.Findings)
	assert.Equal(t, "unreachable", down.Findings[0].What, "%s", r.out)
	require.NoError(t, c.lab.PowerOn(t.Context(), "k1"))
	eventually(t, time.Minute, "the host answers", func(ctx context.Context) error {
		out, err := c.lab.Exec(ctx, "k1", "journalctl", "--no-pager", "-q", "-b", "-1", "-t", "marker", "-o", "cat")
		if err == nil && !strings.Contains(out, "before-the-cut") {
			err = fmt.Errorf("the journal has %q", out)
		}
		return err
	})
	faults.Record(t, "doctor-logs-survive", "logs from before a power cut can be read after it", "power cut after a line was logged and synced", "1 of 1 lines kept")
}
