package backup_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup"
	"provision/provision/secret"
	"provision/test/corrupt"
)

// What a target holds may be anything: whoever owns an etcd host can write there.
func TestDamagedManifests(t *testing.T) {
	m := manifest()
	raw, err := m.JSON()
	require.NoError(t, err)
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		got, err := backup.ParseManifest(in, uuid, m.Name())
		if err == nil {
			assert.Equal(t, m.Name(), got.Name())
			assert.Equal(t, uuid, got.Cluster)
		}
		return err == nil
	}, raw)
	assert.Positive(t, tally.Rejected)
	content := secret.New("key: 1")
	e := backup.Escrow{Item: "sa.key", Hash: backup.EscrowHash(uuid, "sa.key", content, nil)}
	item, err := backup.EscrowItem{Cluster: uuid, Item: "sa.key", Content: secret.OnWire(content)}.JSON()
	require.NoError(t, err)
	corrupt.Feed(t, 2, func(in []byte) bool {
		got, err := backup.ParseEscrow(in, uuid, e)
		if err == nil {
			assert.Equal(t, "sa.key", got.Item)
		}
		return err == nil
	}, item.Bytes())
	names, err := backup.EscrowNames([]backup.Escrow{e})
	require.NoError(t, err)
	corrupt.Feed(t, 3, func(in []byte) bool {
		got, err := backup.ParseEscrowNames(in)
		for _, e := range got {
			assert.Equal(t, backup.EscrowKind, backup.ParseObject(backup.EscrowObject(uuid, e)).Kind)
		}
		return err == nil
	}, names)
	good := backup.Result{Slot: m.Slot, Host: "m1", Targets: map[string]backup.TargetResult{"s3": {Newest: m.Slot}}}
	text, err := good.JSON()
	require.NoError(t, err)
	corrupt.Feed(t, 4, func(in []byte) bool {
		r, ok := backup.ParseResult(in)
		assert.True(t, !ok || r.Format == backup.Format)
		return ok
	}, text)
}
