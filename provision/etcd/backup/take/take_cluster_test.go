//go:build cluster

package take_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/config"
	"provision/provision/etcd/backup/keep"
	"provision/provision/etcd/backup/prove"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/take"
	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/local"
)

const uuid = "0c8a4c1e-7a0f-4d5b-9e57-3b1f5c2d4e6f"

// member is a real etcd on loopback.
type member struct {
	name, client, peer, data string
	cmd                      *exec.Cmd
}

// cluster are three members, and a host for each.
type cluster struct {
	t       *testing.T
	bin     string
	members map[string]*member
	key     *age.X25519Identity
	now     time.Time
	root    string
	said    map[string]*bytes.Buffer
}

func port(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	bin := os.Getenv("PROVISION_TEST_BIN")
	if bin == "" {
		t.Skip("PROVISION_TEST_BIN names no folder with etcd and etcdutl")
	}
	root, err := os.MkdirTemp("", "tk") // paths of sockets are short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	c := &cluster{t: t, bin: bin, members: map[string]*member{}, key: key, root: root, said: map[string]*bytes.Buffer{},
		now: time.Date(2026, 11, 29, 12, 0, 5, 0, time.UTC)}
	var initial []string
	for _, name := range []string{"m1", "m2", "m3"} {
		m := &member{name: name, client: "http://127.0.0.1:" + port(t), peer: "http://127.0.0.1:" + port(t), data: filepath.Join(root, name, "etcd")}
		c.members[name] = m
		initial = append(initial, name+"="+m.peer)
		require.NoError(t, os.MkdirAll(filepath.Join(root, name, "identity"), 0o700))
		for _, item := range []string{"cluster.key", "etcd.key"} {
			require.NoError(t, os.WriteFile(filepath.Join(root, name, "identity", item), []byte("a key: "+item), 0o600))
		}
	}
	for _, m := range c.members {
		c.start(m, strings.Join(initial, ","))
	}
	client := c.dial(t, "m1")
	for i := range 50 {
		_, err := client.Put(t.Context(), fmt.Sprintf("/registry/%d", i), strings.Repeat("v", 100))
		require.NoError(t, err)
	}
	return c
}

func (c *cluster) start(m *member, initial string) {
	m.cmd = exec.Command(filepath.Join(c.bin, "etcd"), "--name", m.name, "--data-dir", m.data, "--listen-client-urls", m.client, "--advertise-client-urls", m.client,
		"--listen-peer-urls", m.peer, "--initial-advertise-peer-urls", m.peer, "--initial-cluster", initial, "--unsafe-no-fsync", "--log-level", "error")
	require.NoError(c.t, m.cmd.Start())
	c.t.Cleanup(func() {
		_ = m.cmd.Process.Signal(syscall.SIGCONT)
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	})
}

func (c *cluster) dialer(endpoints ...string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop(), DialTimeout: 5 * time.Second})
}

func (c *cluster) dial(t *testing.T, name string) *clientv3.Client {
	client, err := c.dialer(c.members[name].client)
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func (c *cluster) folder(target string) string { return filepath.Join(c.root, "targets", target) }

func (c *cluster) host(name string) *take.Taker {
	said := &bytes.Buffer{}
	c.said[name] = said
	cfg := config.Config{ClusterName: "lab", Host: name, Kubernetes: "1.37.1", Etcd: "3.7.3", Endpoints: map[string]string{}, DataDir: c.members[name].data,
		Schedule: "*-*-* 00/6:00:00", MaxAge: 13 * time.Hour, Recipients: []string{c.key.Recipient().String()}, Keep: keep.Policy{Last: 1},
		Scratch: []string{filepath.Join(c.root, name, "s")}, Metrics: filepath.Join(c.root, name, "metrics"),
		Items: []string{"cluster.key", "etcd.key"}, AllItems: []string{"cluster.key", "etcd.key"},
		Targets: []target.Spec{{Name: "a"}, {Name: "b"}}}
	for host, m := range c.members {
		cfg.Endpoints[host] = m.client
	}
	return &take.Taker{Config: cfg, Cluster: uuid, Identity: filepath.Join(c.root, name, "identity"), State: filepath.Join(c.root, name, "state"),
		Programs: prove.Programs{Etcd: filepath.Join(c.bin, "etcd"), Etcdutl: filepath.Join(c.bin, "etcdutl")},
		Now:      func() time.Time { return c.now }, Log: said, Dial: c.dialer,
		Open: func(spec target.Spec) (target.Target, error) { return local.Open(spec.Name, c.folder(spec.Name)) }}
}

func (c *cluster) manifests(target string) []backup.Manifest {
	f, err := local.Open(target, c.folder(target))
	require.NoError(c.t, err)
	defer f.Close()
	infos, err := f.List(c.t.Context(), uuid+"/")
	require.NoError(c.t, err)
	var list []backup.Manifest
	for _, info := range infos {
		if o := backup.ParseObject(info.Name); o.Kind == backup.ManifestKind {
			m, err := take.ReadManifest(c.t.Context(), f, uuid, o.Name)
			require.NoError(c.t, err)
			list = append(list, m)
		}
	}
	return list
}

func (c *cluster) result() backup.Result {
	answer, err := c.dial(c.t, "m1").Get(c.t.Context(), backup.ResultKey)
	require.NoError(c.t, err)
	require.NotEmpty(c.t, answer.Kvs)
	r, ok := backup.ParseResult(answer.Kvs[0].Value)
	require.True(c.t, ok)
	return r
}

func TestSlots(t *testing.T) {
	c := newCluster(t)
	ctx := t.Context()
	client := c.dial(t, "m2")

	require.NoError(t, c.host("m1").Scheduled(ctx), "%s", c.said["m1"])
	for _, name := range []string{"a", "b"} {
		list := c.manifests(name)
		require.Len(t, list, 1, name)
		m := list[0]
		assert.True(t, m.Good())
		assert.Equal(t, "2026-11-29T12:00:00Z", m.Slot.Format(time.RFC3339))
		assert.EqualValues(t, 52, m.Checked.Keys, "50, the lock, and the names of escrow objects")
		assert.Len(t, m.Escrow, 2)
		assert.Len(t, m.Members, 3)
		sealed, err := os.Open(filepath.Join(c.folder(name), backup.SnapshotObject(uuid, m.Name())))
		require.NoError(t, err)
		var opened bytes.Buffer
		require.NoError(t, seal.Open(&opened, sealed, c.key), "the recipient opens it")
		sealed.Close()
		assert.EqualValues(t, m.Snapshot.Size, opened.Len())
		var item bytes.Buffer
		from, err := os.Open(filepath.Join(c.folder(name), backup.EscrowObject(uuid, m.Escrow[0])))
		require.NoError(t, err)
		require.NoError(t, seal.Open(&item, from, c.key))
		from.Close()
		held, err := backup.ParseEscrow(item.Bytes(), uuid, m.Escrow[0])
		require.NoError(t, err)
		assert.Equal(t, "a key: "+m.Escrow[0].Item, held.Content.Reveal())
	}
	require.NoDirExists(t, filepath.Join(c.root, "m1", "s"))
	require.NoDirExists(t, filepath.Join(c.root, "m1", "state", "waiting"))
	metrics, err := os.ReadFile(filepath.Join(c.root, "m1", "metrics", config.MetricsFile))
	require.NoError(t, err)
	assert.Contains(t, string(metrics), `provision_etcd_backup_result{target="a"} 1`)

	require.NoError(t, c.host("m2").Scheduled(ctx))
	assert.Len(t, c.manifests("a"), 1, "the slot has its backup")

	// The next slot: one target is full or gone, and another backup was damaged.
	c.now = c.now.Add(6 * time.Hour)
	_, err = client.Put(ctx, "/registry/x", "y")
	require.NoError(t, err)
	require.NoError(t, os.Rename(c.folder("b"), c.folder("gone")))
	require.NoError(t, os.WriteFile(c.folder("b"), nil, 0o600))
	object := filepath.Join(c.folder("a"), backup.SnapshotObject(uuid, c.manifests("a")[0].Name()))
	content, err := os.ReadFile(object)
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(object, content, 0o600))
	err = c.host("m3").Scheduled(ctx)
	require.Error(t, err)
	assert.ErrorContains(t, err, "target b: ")
	assert.ErrorContains(t, err, "was good and is damaged")
	list := c.manifests("a")
	require.Len(t, list, 2)
	assert.NotEmpty(t, list[0].Bad)
	assert.True(t, list[1].Good(), "one target that is down stops no other")
	assert.Equal(t, "m3", c.result().Host)

	// Others leave it to the host that has it sealed; it tries again.
	require.NoError(t, c.host("m1").Scheduled(ctx))
	assert.Error(t, c.host("m3").Scheduled(ctx), "still down")
	require.NoError(t, os.Remove(c.folder("b")))
	require.NoError(t, os.Rename(c.folder("gone"), c.folder("b")))
	_ = c.host("m3").Scheduled(ctx)
	list = c.manifests("b")
	require.Len(t, list, 1, "the older one went: last = 1")
	assert.True(t, list[0].Good())
	assert.Equal(t, c.now.Truncate(time.Hour), list[0].Slot)
	assert.Equal(t, c.manifests("a")[len(c.manifests("a"))-1].Stored, list[0].Stored, "the same backup, not another")
}

func TestSourcesThatAreNotTaken(t *testing.T) {
	c := newCluster(t)
	ctx := t.Context()
	// The own member is suspended: another one serves.
	require.NoError(t, c.members["m3"].cmd.Process.Signal(syscall.SIGSTOP))
	require.NoError(t, c.host("m3").ByHand(ctx), "%s", c.said["m3"])
	assert.Contains(t, c.said["m3"].String(), "member m3 does not answer")
	m := c.manifests("a")[0]
	assert.Equal(t, "m3", m.Host)

	// Without quorum nothing happens by itself; by hand it is unproven.
	require.NoError(t, c.members["m2"].cmd.Process.Signal(syscall.SIGSTOP))
	c.now = c.now.Add(6 * time.Hour)
	err := c.host("m1").Scheduled(ctx)
	assert.ErrorContains(t, err, "provision etcd backup --local m1")
	assert.Len(t, c.manifests("a"), 1)
	require.NoError(t, c.host("m1").Local(ctx), "%s", c.said["m1"])
	list := c.manifests("a")
	require.Len(t, list, 2)
	assert.False(t, list[1].Good())
	assert.Contains(t, list[1].Unproven, "without asking the others")

	// Nobody answers: the database is copied once etcd is stopped.
	require.NoError(t, c.members["m1"].cmd.Process.Kill())
	_ = c.members["m1"].cmd.Wait()
	c.now = c.now.Add(time.Hour)
	require.NoError(t, c.host("m1").Local(ctx), "%s", c.said["m1"])
	list = c.manifests("a")
	require.Len(t, list, 3)
	assert.Contains(t, list[2].Unproven, "copied from the database")
}

// A host that was suspended for longer than its lease finds another at work.
func TestOneAtATime(t *testing.T) {
	c := newCluster(t)
	lock := c.dial(t, "m2")
	_, err := lock.Put(t.Context(), backup.LockKey, "m2")
	require.NoError(t, err)
	require.NoError(t, c.host("m1").Scheduled(t.Context()))
	assert.Empty(t, c.manifests("a"))
	assert.Contains(t, c.said["m1"].String(), "host m2 is at it")
	assert.ErrorContains(t, c.host("m1").ByHand(t.Context()), "host m2 is taking a backup now")
	_, err = lock.Delete(t.Context(), backup.LockKey)
	require.NoError(t, err)
	require.NoError(t, c.host("m1").Scheduled(t.Context()))
	assert.Len(t, c.manifests("a"), 1, "the winner vanished, another takes over")
	c.now = c.now.Add(-7 * time.Hour)
	assert.ErrorContains(t, c.host("m1").Scheduled(t.Context()), "is in the future here")
}
