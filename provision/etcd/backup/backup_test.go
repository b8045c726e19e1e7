package backup_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup"
	"provision/provision/secret"
)

const uuid = "0c8a4c1e-7a0f-4d5b-9e57-3b1f5c2d4e6f"

func manifest() backup.Manifest {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	sum := strings.Repeat("ab", 32)
	return backup.Manifest{
		Format: backup.Format, Cluster: uuid, ClusterName: "lab", Slot: at, Taken: at.Add(time.Second), Host: "m-1.dc1", EtcdCluster: 0xcafe, Member: 1,
		Members: []backup.Member{{Name: "m-1.dc1", ID: 1, PeerURLs: []string{"https://10.0.0.1:2380"}}}, Revision: 12345, Compacted: 100,
		Checked: &backup.Checked{Revision: 12340, Keys: 70, HashKV: 7}, Etcd: "3.7.3", Kubernetes: "1.37.1",
		Snapshot: backup.Content{Size: 10, SHA256: sum}, Stored: backup.Content{Size: 5, SHA256: sum},
		Escrow: []backup.Escrow{{Item: "cluster.key", Hash: sum}},
	}
}

func TestManifestComesBack(t *testing.T) {
	m := manifest()
	raw, err := m.JSON()
	require.NoError(t, err)
	back, err := backup.ParseManifest(raw, uuid, m.Name())
	require.NoError(t, err)
	assert.Equal(t, m, back)
	assert.Contains(t, string(raw), `"etcd_cluster": "cafe"`)
}

func TestManifestsThatAreRefused(t *testing.T) {
	m := manifest()
	raw, err := m.JSON()
	require.NoError(t, err)
	change := func(from, to string) []byte {
		changed := strings.Replace(string(raw), from, to, 1)
		require.NotEqual(t, string(raw), changed, from)
		return []byte(changed)
	}
	for want, given := range map[string][]byte{
		"not readable":               []byte("{"),
		"format 2, and this program": change(`"format": 1`, `"format": 2`),
		"unknown field":              change(`"host"`, `"hots"`),
		"is not a UUID":              change(uuid, "../../../etc"),
		"is that of":                 change(`"revision": 12345`, `"revision": 12346`),
		"lies after revision":        change(`"compacted": 100`, `"compacted": 99999`),
		"has digest":                 change(`"size": 5`, `"size": 0`),
		"is not an escrow object":    change("cluster.key", "../cluster.key"),
		"proven or says why not":     change(`"host"`, `"unproven": "no quorum", "host"`),
		"at most 1048576 are read":   []byte(strings.Repeat(" ", backup.MaxManifest+1)),
	} {
		_, err := backup.ParseManifest(given, uuid, m.Name())
		assert.ErrorContains(t, err, want)
	}
	_, err = backup.ParseManifest(raw, strings.Replace(uuid, "0c", "0d", 1), m.Name())
	assert.ErrorContains(t, err, "is of cluster")
}

func TestNames(t *testing.T) {
	n := manifest().Name()
	assert.Equal(t, "20261129T120000Z-0000000000000012345-m-1.dc1", n.String())
	for object, want := range map[string]backup.Object{
		backup.SnapshotObject(uuid, n):                           {Kind: backup.SnapshotKind, Cluster: uuid, Name: n},
		backup.ManifestObject(uuid, n):                           {Kind: backup.ManifestKind, Cluster: uuid, Name: n},
		backup.EscrowObject(uuid, manifest().Escrow[0]):          {Kind: backup.EscrowKind, Cluster: uuid, Escrow: manifest().Escrow[0]},
		uuid + "/x.json":                                         {},
		"x/" + backup.SnapshotObject(uuid, n):                    {},
		uuid + "/20261129T120000Z-12345-m1.json":                 {},
		uuid + "/20261129T120000Z-0000000000000012345-../x.json": {},
		uuid + "/escrow/" + strings.Repeat("a", 64) + ".age":     {},
		"": {}, "/": {}, uuid: {}, uuid + "/": {},
	} {
		assert.Equal(t, want, backup.ParseObject(object), object)
	}
}

func TestEscrow(t *testing.T) {
	content := secret.New("key: 1")
	hash := backup.EscrowHash(uuid, "encryption.yaml", content, []string{"a", "b"})
	assert.Equal(t, hash, backup.EscrowHash(uuid, "encryption.yaml", content, []string{"b", "a"}))
	assert.NotEqual(t, hash, backup.EscrowHash(uuid, "encryption.yaml", content, []string{"a"}), "others can read it")
	assert.NotEqual(t, hash, backup.EscrowHash(uuid, "sa.key", content, []string{"a", "b"}))
	raw, err := backup.EscrowItem{Cluster: uuid, Item: "encryption.yaml", Content: secret.OnWire(content)}.JSON()
	require.NoError(t, err)
	e := backup.Escrow{Item: "encryption.yaml", Hash: hash}
	back, err := backup.ParseEscrow(raw.Bytes(), uuid, e)
	require.NoError(t, err)
	assert.True(t, back.Content.Equal(content))
	for _, other := range []backup.Escrow{{Item: "sa.key", Hash: hash}} {
		_, err = backup.ParseEscrow(raw.Bytes(), uuid, other)
		assert.ErrorContains(t, err, "holds")
	}
	_, err = backup.ParseEscrow([]byte(`{"format":1,"item":"encryption.yaml","content":"a secret`), uuid, e)
	assert.ErrorContains(t, err, "not readable")
	assert.NotContains(t, err.Error(), "a secret")
}

func FuzzManifest(f *testing.F) {
	raw, err := manifest().JSON()
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := backup.ParseManifest(raw, "", manifest().Name())
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		require.NoError(t, err)
		_, err = backup.ParseManifest(again, uuid, m.Name())
		assert.True(t, err == nil || m.Cluster != uuid, "%v", err)
		assert.Equal(t, backup.SnapshotKind, backup.ParseObject(backup.SnapshotObject(m.Cluster, m.Name())).Kind)
		for _, e := range m.Escrow {
			assert.Equal(t, backup.EscrowKind, backup.ParseObject(backup.EscrowObject(m.Cluster, e)).Kind)
		}
	})
}

func FuzzObject(f *testing.F) {
	f.Add(backup.SnapshotObject(uuid, manifest().Name()))
	f.Add(uuid + "/escrow/cluster.key-" + strings.Repeat("0", 64) + ".age")
	f.Fuzz(func(t *testing.T, name string) {
		o := backup.ParseObject(name)
		switch o.Kind {
		case backup.SnapshotKind:
			assert.Equal(t, name, backup.SnapshotObject(o.Cluster, o.Name))
		case backup.ManifestKind:
			assert.Equal(t, name, backup.ManifestObject(o.Cluster, o.Name))
		case backup.EscrowKind:
			assert.Equal(t, name, backup.EscrowObject(o.Cluster, o.Escrow))
		case backup.Foreign:
		}
	})
}
