package clusterledger

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/test/corrupt"
)

// Whoever may write Secrets can write anything into this one.
func TestDamagedLedgers(t *testing.T) {
	data, err := encode(Ledger{Entries: []Entry{{ID: `object["ClusterRole/x"]`, Before: json.RawMessage(`{"ref":{}}`)}}})
	require.NoError(t, err)
	whole, err := json.Marshal(cluster.Object{"data": data})
	require.NoError(t, err)
	corrupt.FeedN(t, 1, 500, func(in []byte) bool {
		var object cluster.Object
		if json.Unmarshal(in, &object) != nil {
			return false
		}
		_, err := decode(object)
		return err == nil
	}, whole)
}

// A content that has its digest may be damaged all the same.
func TestDamagedContents(t *testing.T) {
	packed, err := encode(Ledger{Entries: []Entry{{ID: `object["ClusterRole/x"]`, Before: json.RawMessage(`{}`)}}})
	require.NoError(t, err)
	raw, err := base64.StdEncoding.DecodeString(packed["ledger"].(string))
	require.NoError(t, err)
	corrupt.FeedN(t, 1, 500, func(in []byte) bool {
		_, err := unpack(in)
		return err == nil
	}, raw)
}
