//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/seal"
	"provision/provision/pki"
	"provision/test/faults"
)

// backup takes backups on three etcd hosts to two folders, S3 and SFTP: by the
// timer while a host has no power, with a full disk, with a copy that was
// damaged; then the block leaves the inventory.
func (s *suite) backup(t *testing.T) {
	c := s.boot(t, "backup", extra("backup.hcl"), extra("shared-kernel.hcl"))
	b := &backups{cluster: c}
	b.serveBox(t)
	b.configure(t)
	pulled := c.provision(t, append([]string{"bundle", "pull"}, c.inventory()...)...) // its own program, out of itself
	require.Zero(t, pulled.code, "%s", pulled.all())
	c.apply(t)
	c.unchanged(t)
	b.bySlot(t)
	b.byHand(t)
	b.listed(t)
	b.fullAndDamaged(t)
	b.latest(t)
	b.removed(t)
}

// backups are those of a cluster, with what opens them.
type backups struct {
	*cluster
	identity *age.X25519Identity
	ca       string // of the S3 server
	key      []byte // of the SFTP user
	host     string // fingerprint of the SFTP server
}

const boxAddress = "192.0.2.31"

// serveBox starts a real S3 server with TLS of its own authority, and lets root
// in by SFTP with a key.
func (b *backups) serveBox(t *testing.T) {
	b.put(t, "box", binary(t, "PROVISION_VERSITYGW", repo+"/bin/programs/versitygw", "make gateway"), "/root/versitygw")
	ca, err := pki.NewCA(pki.Env{}, "s3", time.Hour)
	require.NoError(t, err)
	key, err := pki.NewKey(pki.Env{})
	require.NoError(t, err)
	csr, err := pki.CSR(pki.Env{}, key, pki.Request{CommonName: "s3", IPs: []string{boxAddress}})
	require.NoError(t, err)
	crt, err := ca.Sign(pki.Env{}, csr, pki.Leaf{Server: true, Life: time.Hour})
	require.NoError(t, err)
	private, err := key.PEM()
	require.NoError(t, err)
	b.ca = string(ca.CertPEM())
	b.write(t, "box", "/root/s3.crt", string(crt))
	b.write(t, "box", "/root/s3.key", string(private))
	b.on(t, "box", "mkdir", "-p", "/srv/s3/etcd", "/srv/sftp")
	b.on(t, "box", "systemd-run", "--unit=s3", "--setenv=ROOT_ACCESS_KEY=access", "--setenv=ROOT_SECRET_KEY=hunter2hunter2", "--setenv=VGW_REGION=east",
		"/root/versitygw", "--port", boxAddress+":9000", "--cert", "/root/s3.crt", "--key", "/root/s3.key", "posix", "/srv/s3")
	_, user, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(user, "")
	require.NoError(t, err)
	b.key = pem.EncodeToMemory(block)
	signer, err := ssh.NewSignerFromKey(user)
	require.NoError(t, err)
	b.on(t, "box", "mkdir", "-p", "/root/.ssh")
	b.on(t, "box", "sh", "-c", `printf '%s' "$1" >>/root/.ssh/authorized_keys`, "add", string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	b.host = strings.Fields(b.on(t, "box", "ssh-keygen", "-l", "-f", "/etc/ssh/ssh_host_ed25519_key.pub"))[1]
}

func (b *backups) write(t *testing.T, host, path, content string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "content")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	b.put(t, host, file, path)
}

// configure adds the block to the inventory.
func (b *backups) configure(t *testing.T) {
	var err error
	b.identity, err = age.GenerateX25519Identity()
	require.NoError(t, err)
	text := fmt.Sprintf(`etcd {
  backup {
    schedule   = "*:*"
    spread     = "0s"
    recipients = [%q]
    keep {
      last    = 2
      daily   = 0
      weekly  = 0
      monthly = 0
    }
    target "local" {
      hosts = ["m1", "m3"]
      path  = "/var/backups/etcd"
    }
    target "s3" {
      endpoint   = "https://%s:9000"
      bucket     = "etcd"
      prefix     = "dc1"
      region     = "east"
      ca         = %q
      access_key = sensitive("access")
      secret_key = sensitive("hunter2hunter2")
    }
    target "sftp" {
      address  = %q
      user     = "root"
      path     = "/srv/sftp"
      host_key = %q
      key      = sensitive(%q)
    }
  }
}
`, b.identity.Recipient(), boxAddress, b.ca, boxAddress, b.host, b.key)
	file := filepath.Join(t.TempDir(), "backup-block.hcl")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	b.files = append(b.files, file)
}

// listing are the objects below a folder of a host, newest last.
func (b *backups) listing(t *testing.T, host, folder, suffix string) []string {
	out := b.on(t, host, "sh", "-c", `find "$1" -name "*$2" | sort`, "find", folder, suffix)
	return strings.Fields(out)
}

// bySlot waits for the timer while m1 has no power.
func (b *backups) bySlot(t *testing.T) {
	require.NoError(t, b.lab.PowerCut(t.Context(), "m1"))
	off := time.Now().UTC().Format("20060102T150405Z")
	took := eventually(t, 3*time.Minute, "the backup of a slot after that is at S3", func(context.Context) error {
		list := b.listing(t, "box", "/srv/s3/etcd/dc1", ".json")
		if len(list) == 0 || filepath.Base(list[len(list)-1]) < off {
			return fmt.Errorf("there is none")
		}
		return nil
	})
	b.seconds(t, "until the first slot's backup, a host down", took)
	require.NoError(t, b.lab.PowerOn(t.Context(), "m1"))
	for _, host := range []string{"m2", "m3"} {
		b.on(t, host, "systemctl", "stop", "provision-etcd-backup.timer")
	}
	eventually(t, time.Minute, "m1 is back", func(ctx context.Context) error {
		_, err := b.lab.Exec(ctx, "m1", "systemctl", "stop", "provision-etcd-backup.timer")
		return err
	})
	for _, folder := range []string{"/srv/s3/etcd/dc1", "/srv/sftp"} {
		assert.NotEmpty(t, b.listing(t, "box", folder, ".db.zst.age"), folder)
		assert.GreaterOrEqual(t, len(b.listing(t, "box", folder, ".age"))-len(b.listing(t, "box", folder, ".db.zst.age")), 9, "each item of the identity is in escrow: %s", folder)
	}
	assert.NotEmpty(t, b.listing(t, "m3", "/var/backups/etcd", ".db.zst.age"))
	faults.Record(t, "backup-host-down", "a slot has its backup although one etcd host is down; the folder on that host is named, the other targets have it",
		"power of one of three etcd hosts cut before the slot", "at S3, SFTP and a folder within %.0f s of the slot's minute", took.Seconds())
}

// now takes a backup by hand on a host.
func (b *backups) now(t *testing.T, host string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	return b.lab.Exec(ctx, host, "sh", "-c", "/usr/local/bin/provision-etcd backup --now 2>&1")
}

// byHand takes one, and opens it as the holder of the identity does.
func (b *backups) byHand(t *testing.T) {
	began := time.Now()
	var out string
	eventually(t, 2*time.Minute, "a backup by hand", func(context.Context) error {
		var err error
		out, err = b.now(t, "m2")
		return err
	})
	b.seconds(t, "backup by hand, proven, at four targets", time.Since(began))
	assert.Contains(t, out, "proven: revision")
	newest := ""
	for host, folders := range map[string][]string{"box": {"/srv/s3/etcd/dc1", "/srv/sftp"}, "m1": {"/var/backups/etcd"}, "m3": {"/var/backups/etcd"}} {
		for _, folder := range folders {
			list := b.listing(t, host, folder, ".json")
			require.NotEmpty(t, list, "%s %s", host, folder)
			path := list[len(list)-1]
			name, err := backup.ParseName(strings.TrimSuffix(filepath.Base(path), ".json"))
			require.NoError(t, err)
			m, err := backup.ParseManifest([]byte(b.on(t, host, "cat", path)), "", name)
			require.NoError(t, err)
			assert.True(t, m.Good(), "%s %s", host, path)
			assert.Len(t, m.Escrow, 9)
			assert.Equal(t, "m2", m.Host)
			newest = path
			sealed := b.on(t, host, "base64", "-w0", strings.TrimSuffix(path, ".json")+".db.zst.age")
			var opened bytes.Buffer
			require.NoError(t, seal.Open(&opened, base64.NewDecoder(base64.StdEncoding, strings.NewReader(sealed)), b.identity), "%s %s", host, path)
			assert.EqualValues(t, m.Snapshot.Size, opened.Len())
		}
	}
	require.NotEmpty(t, newest)
	assert.Contains(t, b.on(t, "m2", "cat", "/var/lib/prometheus/node-exporter/provision_etcd.prom"), `provision_etcd_backup_result{target="local/m3"} 1`)
	for _, host := range []string{"m1", "m2", "m3"} {
		out, err := b.lab.Exec(t.Context(), host, "sh", "-c", "ls /var/tmp/provision-etcd /var/lib/provision-etcd/scratch 2>/dev/null | wc -l")
		require.NoError(t, err)
		assert.Equal(t, "0", strings.TrimSpace(out), "scratch is gone: %s", host)
	}
}

// listed takes one by the verb, and sees all of them from here.
func (b *backups) listed(t *testing.T) {
	taken := b.provision(t, append([]string{"etcd", "backup"}, b.inventory()...)...)
	require.Zero(t, taken.code, "%s", taken.all())
	assert.Contains(t, taken.out, "proven: revision")
	list := b.provision(t, append([]string{"etcd", "list"}, b.inventory()...)...)
	require.Zero(t, list.code, "%s", list.all())
	newest := b.listing(t, "box", "/srv/sftp", ".json")
	lines := strings.Split(list.out, "\n")
	require.Greater(t, len(lines), 1, "%s", list.out)
	assert.Contains(t, lines[1], strings.TrimSuffix(filepath.Base(newest[len(newest)-1]), ".json"))
	for _, target := range []string{"good", "local/m1", "local/m3", "s3", "sftp"} {
		assert.Contains(t, lines[1], target)
	}
	well := b.provision(t, append([]string{"status"}, b.inventory()...)...)
	assert.NotContains(t, well.out, "backup target")
	assert.NotContains(t, well.out, "verified backup")
}

// latest restores the newest backup of the targets, while all members answer.
func (b *backups) latest(t *testing.T) {
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	before := b.traces(t, "m1", "m2", "m3")
	wrong := b.provision(t, append([]string{"etcd", "restore", "--yes", "--latest", "--identity", file("other.key", other.String())}, b.inventory()...)...)
	b.refused(t, wrong, "nothing was changed", "no copy of backup")
	for host, want := range before {
		assert.Empty(t, restarted(want.Units, b.trace(t, host).Units), "units restarted on %s", host)
	}
	r := b.provision(t, append([]string{"etcd", "restore", "--yes", "--latest", "--identity", file("backup.key", b.identity.String())}, b.inventory()...)...)
	require.Zero(t, r.code, "%s", r.all())
	b.seconds(t, "restore the newest backup of four targets", r.took)
	b.threeVoters(t)
	for _, host := range []string{"m1", "m2", "m3"} {
		assert.Equal(t, "enabled enabled", strings.Join(strings.Fields(b.on(t, host, "systemctl", "--root=/", "is-enabled", "etcd.service", "kube-apiserver.service")), " "), "after a boot, too")
		b.on(t, host, "systemctl", "stop", "provision-etcd-backup.timer") // the restore started it again
		eventually(t, time.Minute, "no backup runs on "+host, func(context.Context) error {
			if state := strings.TrimSpace(b.on(t, host, "systemctl", "show", "-P", "ActiveState", "provision-etcd-backup.service")); state == "activating" {
				return fmt.Errorf("it is %s", state)
			}
			return nil
		})
	}
}

// term rises with each election.
func (b *backups) term(t *testing.T) string {
	out := b.on(t, "m2", "sh", "-c", "/usr/local/bin/etcdctl --cacert /etc/etcd/pki/ca.crt --cert /etc/etcd/pki/client.crt --key /etc/etcd/pki/client.key endpoint status -w fields | grep RaftTerm")
	require.Contains(t, out, "RaftTerm")
	return out
}

// fullAndDamaged: one folder is full, and a copy at S3 was changed.
func (b *backups) fullAndDamaged(t *testing.T) {
	term := b.term(t)
	b.on(t, "m3", "mount", "-t", "tmpfs", "-o", "size=8m", "full", "/var/backups/etcd")
	list := b.listing(t, "box", "/srv/s3/etcd/dc1", ".db.zst.age")
	damaged := list[len(list)-1]
	b.on(t, "box", "sh", "-c", `printf '\377\377' | dd of="$1" bs=1 seek=3000 conv=notrunc 2>/dev/null`, "damage", damaged)
	out, err := b.now(t, "m1")
	require.Error(t, err, "%s", out)
	text := out + err.Error()
	assert.Contains(t, text, "target local/m3: host m3: writing")
	assert.Contains(t, text, "MiB are free there")
	assert.Contains(t, text, "was good and is damaged")
	assert.Contains(t, b.on(t, "box", "cat", strings.TrimSuffix(damaged, ".db.zst.age")+".json"), `"bad"`)
	assert.Empty(t, b.listing(t, "m3", "/var/backups/etcd", ".age"), "nothing half is left")
	assert.Contains(t, b.on(t, "m1", "cat", "/var/lib/prometheus/node-exporter/provision_etcd.prom"), `provision_etcd_backup_result{target="local/m3"} 0`)
	assert.Equal(t, term, b.term(t), "no election")
	b.on(t, "m3", "umount", "/var/backups/etcd")
	told := b.provision(t, append([]string{"etcd", "list"}, b.inventory()...)...)
	assert.Contains(t, told.out, "(bad: ", "%s", told.all())
	ill := b.provision(t, append([]string{"status"}, b.inventory()...)...)
	assert.Contains(t, ill.out, "backup target local/m3: ", "%s", ill.all())
	faults.Record(t, "backup-disk-full", "a full folder stops no other target, is named by unit and metric, and etcd does not notice", "a target's folder on a file system of 8 MiB", "3 of 4 targets stored, 0 elections")
	faults.Record(t, "backup-damaged", "a backup that was changed where it lies is seen by the next run and named", "2 bytes of an object of S3 overwritten", "marked bad by the next backup")
}

// removed takes the block out: what makes backups goes, the backups stay.
func (b *backups) removed(t *testing.T) {
	b.files = b.files[:len(b.files)-1]
	b.apply(t)
	b.unchanged(t)
	for _, host := range []string{"m1", "m2", "m3"} {
		out := b.on(t, host, "sh", "-c", "ls -d /usr/local/bin/provision-etcd /etc/provision-etcd /var/lib/provision-etcd /etc/systemd/system/provision-etcd* 2>/dev/null; true")
		assert.Empty(t, strings.TrimSpace(out), host)
	}
	assert.NotEmpty(t, b.listing(t, "m1", "/var/backups/etcd", ".db.zst.age"))
}
