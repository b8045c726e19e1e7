package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"
)

const ca = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"

type change struct {
	key, value string
	deleted    bool
}

// database writes one as etcd does, with the digest at its end.
func database(t *testing.T, version string, changes ...change) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "etcd.snapshot")
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		meta, _ := tx.CreateBucket([]byte("meta"))
		members, _ := tx.CreateBucket([]byte("members"))
		keys, err := tx.CreateBucket([]byte("key"))
		require.NoError(t, err)
		if version != "" {
			require.NoError(t, meta.Put([]byte("storageVersion"), []byte(version)))
		}
		require.NoError(t, members.Put([]byte("1f"), []byte(`{"id":31,"peerURLs":["https://10.0.0.1:2380"],"name":"m1"}`)))
		for i, c := range changes {
			name := make([]byte, revisionSize, revisionSize+1)
			binary.BigEndian.PutUint64(name, uint64(i+2))
			name[8] = '_'
			if c.deleted {
				name = append(name, tombstone)
			}
			raw, err := proto.Marshal(&mvccpb.KeyValue{Key: []byte(c.key), Value: []byte(c.value)})
			require.NoError(t, err)
			require.NoError(t, keys.Put(name, raw))
		}
		return nil
	}))
	require.NoError(t, db.Close())
	sealed(t, path)
	return path
}

func sealed(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	sum := sha256.Sum256(raw)
	require.NoError(t, os.WriteFile(path, append(raw, sum[:]...), 0o600))
}

func sample(t *testing.T) string {
	return database(t, "3.7.0", change{key: "/registry/configmaps/default/kube-root-ca.crt", value: "\n\x06ca.crt\x12" + ca + "\n"},
		change{key: "/registry/secrets/default/old", value: "k8s:enc:secretbox:v1:key1:\x00\x01"},
		change{key: "/registry/secrets/default/kept", value: "k8s:enc:secretbox:v1:key3:\x00:\x01"},
		change{key: "/registry/secrets/default/old", deleted: true}, change{key: "/registry/pods/default/p", value: "x"})
}

func TestWhatASnapshotHolds(t *testing.T) {
	f, err := Read(sample(t), false)
	require.NoError(t, err)
	assert.Equal(t, int64(6), f.Revision)
	assert.Equal(t, int64(3), f.Keys)
	assert.Equal(t, "3.7.0", f.Version)
	assert.Equal(t, []string{"m1"}, f.Members)
	assert.Equal(t, []string{"key3"}, f.EncryptionKeys, "a Secret that is deleted needs no key")
	assert.True(t, f.Of("other\n"+ca+"\n"))
	assert.False(t, f.Of("-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"))
	assert.False(t, f.Of(""))
}

func TestWhatIsNoSnapshot(t *testing.T) {
	whole, err := os.ReadFile(sample(t))
	require.NoError(t, err)
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)/2] ^= 1
	noise := make([]byte, 4096)
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":                {nil, "is empty"},
		"cut":                  {whole[:len(whole)-1024], "does not have the digest"},
		"cut anywhere":         {whole[:len(whole)-700], "no digest of etcd's at its end"},
		"a bit is another":     {flipped, "does not have the digest"},
		"a copy of the folder": {whole[:len(whole)-sha256.Size], "no digest of etcd's at its end"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			require.NoError(t, os.WriteFile(path, c.content, 0o600))
			_, err := Read(path, false)
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, path)
		})
	}
	path := filepath.Join(t.TempDir(), "x.db")
	require.NoError(t, os.WriteFile(path, noise, 0o600))
	sealed(t, path)
	_, err = Read(path, false)
	require.ErrorContains(t, err, "no database of etcd")
	_, err = Read(filepath.Join(t.TempDir(), "none"), false)
	require.Error(t, err)
	_, err = Read(database(t, "3.7.0"), false)
	require.ErrorContains(t, err, "there is nothing in it")
}
