package catalog

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/seal"
	"provision/provision/etcd/backup/target"
	"provision/provision/secret"
)

const cluster = "0b6b7a4c-5a0c-4a3e-9d55-3a8f2f1e7c10"

// memory is a target in memory.
type memory struct {
	name    string
	objects map[string][]byte
	down    error
}

func (m *memory) Name() string { return m.name }
func (m *memory) Put(_ context.Context, name string, content io.ReadSeeker, _ int64) error {
	raw, err := io.ReadAll(content)
	m.objects[name] = raw
	return err
}

func (m *memory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	raw, ok := m.objects[name]
	if !ok {
		return nil, target.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(raw)), m.down
}

func (m *memory) List(_ context.Context, prefix string) ([]target.Info, error) {
	var list []target.Info
	for name, raw := range m.objects {
		if strings.HasPrefix(name, prefix) {
			list = append(list, target.Info{Name: name, Size: int64(len(raw))})
		}
	}
	slices.SortFunc(list, func(a, b target.Info) int { return strings.Compare(a.Name, b.Name) })
	return list, m.down
}
func (m *memory) Delete(context.Context, string) error { return nil }
func (m *memory) Close() error                         { return nil }

// stored puts a backup of some hour on targets, and returns its manifest.
func stored(t *testing.T, identity *age.X25519Identity, hour int, content string, targets ...*memory) backup.Manifest {
	t.Helper()
	recipients := []string{identity.Recipient().String()}
	sealer, err := seal.New(recipients)
	require.NoError(t, err)
	var sealed bytes.Buffer
	plain, at, err := sealer.Seal(t.Context(), &sealed, strings.NewReader(content))
	require.NoError(t, err)
	slot := time.Date(2026, 11, 29, hour, 0, 0, 0, time.UTC)
	m := backup.Manifest{Format: backup.Format, Cluster: cluster, ClusterName: "dc1", Slot: slot, Taken: slot, Host: "m1", Revision: int64(hour + 1),
		Checked: &backup.Checked{Revision: 1, Keys: 1}, Etcd: "3.7.3", Kubernetes: "1.37.1", Snapshot: plain, Stored: at, Verified: &slot}
	key := backup.EscrowItem{Cluster: cluster, Item: "sa.key", Content: secret.OnWire(secret.New("hunter2"))}
	text, err := key.JSON()
	require.NoError(t, err)
	m.Escrow = []backup.Escrow{{Item: "sa.key", Hash: backup.EscrowHash(cluster, "sa.key", key.Content.Value, recipients)}}
	var escrow bytes.Buffer
	_, _, err = sealer.Seal(t.Context(), &escrow, bytes.NewReader(text.Bytes()))
	require.NoError(t, err)
	raw, err := m.JSON()
	require.NoError(t, err)
	for _, one := range targets {
		one.objects[backup.SnapshotObject(cluster, m.Name())] = bytes.Clone(sealed.Bytes())
		one.objects[backup.ManifestObject(cluster, m.Name())] = raw
		one.objects[backup.EscrowObject(cluster, m.Escrow[0])] = bytes.Clone(escrow.Bytes())
	}
	return m
}

func two(t *testing.T) (*age.X25519Identity, *memory, *memory) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return identity, &memory{name: "s3", objects: map[string][]byte{}}, &memory{name: "local/m1", objects: map[string][]byte{}}
}

func TestWhatLiesAtTargets(t *testing.T) {
	identity, s3, local := two(t)
	old := stored(t, identity, 6, "old", s3, local)
	fresh := stored(t, identity, 12, "new", s3)
	s3.objects["somebody's"] = []byte("x")
	list := Read(t.Context(), []target.Target{s3, local}, cluster)
	require.Len(t, list.Backups, 2)
	assert.Equal(t, fresh.Name(), list.Backups[0].Name(), "the newest first")
	assert.Len(t, list.Backups[1].Copies, 2)
	assert.Empty(t, list.Problems)
	newest, err := list.Choose("")
	require.NoError(t, err)
	assert.Equal(t, fresh.Name(), newest.Name())

	name := backup.SnapshotObject(cluster, fresh.Name())
	s3.objects[name] = s3.objects[name][:10]
	list = Read(t.Context(), []target.Target{s3, local}, "")
	newest, err = list.Choose("")
	require.NoError(t, err)
	assert.Equal(t, old.Name(), newest.Name(), "a cut one is not good")
	assert.Contains(t, list.Backups[0].Copies[0].Bad, "10 bytes")

	s3.down = io.ErrUnexpectedEOF
	list = Read(t.Context(), []target.Target{s3, local}, cluster)
	assert.Contains(t, list.Failed, "s3")
	require.Len(t, list.Backups, 1, "what one target does not tell, the others do")
	_, err = list.Choose("20990101T000000Z-0000000000000000001-m1")
	require.ErrorContains(t, err, "there is no backup")
	require.ErrorContains(t, err, "s3 could not be read")
}

func TestAWholeCopyIsTakenWhereverItLies(t *testing.T) {
	identity, s3, local := two(t)
	m := stored(t, identity, 6, "objects", s3, local)
	name := backup.SnapshotObject(cluster, m.Name())
	flipped := bytes.Clone(local.objects[name])
	flipped[len(flipped)-1] ^= 1
	local.objects[name] = flipped
	path := filepath.Join(t.TempDir(), "snapshot")
	b, err := Read(t.Context(), []target.Target{local, s3}, cluster).Choose("")
	require.NoError(t, err)
	require.NoError(t, b.Fetch(t.Context(), path, []age.Identity{identity}))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "objects", string(got))
	keys, err := b.Keys(t.Context(), []age.Identity{identity})
	require.NoError(t, err)
	assert.Equal(t, "hunter2", keys["sa.key"].Reveal())

	s3.objects[name] = flipped
	err = b.Fetch(t.Context(), path, []age.Identity{identity})
	require.ErrorContains(t, err, name+" at local/m1")
	require.ErrorContains(t, err, name+" at s3")

	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	require.ErrorContains(t, b.Fetch(t.Context(), path, []age.Identity{other}), "the identity that was given cannot open it")
	_, err = b.Keys(t.Context(), []age.Identity{other})
	require.ErrorContains(t, err, backup.EscrowObject(cluster, m.Escrow[0]))
	_, err = Identities([]byte("not one AGE-SECRET-KEY-1X"))
	require.ErrorContains(t, err, "no identity of age")
	assert.NotContains(t, err.Error(), "SECRET")
}
