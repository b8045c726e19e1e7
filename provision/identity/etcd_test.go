package identity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSameEtcd(t *testing.T) {
	found, err := SameEtcd("1f", map[string]uint64{"m1": 0x1f, "m2": 0x1f})
	require.NoError(t, err)
	require.Nil(t, found)

	found, err = SameEtcd("1f", map[string]uint64{"m1": 0x2f, "m2": 0x2f, "m3": 0x2f})
	require.NoError(t, err)
	require.Equal(t, &Reformed{Was: "1f", Is: "2f"}, found)

	_, err = SameEtcd("1f", map[string]uint64{"m1": 0x2f, "m2": 0x1f, "m3": 0x1f})
	require.ErrorContains(t, err, "m2, m3: etcd cluster 1f, the one that the cluster had\n  m1: etcd cluster 2f\nNothing was changed")
}
