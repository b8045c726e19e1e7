package spares

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
)

func TestDamagedSparesAreNeverPutBack(t *testing.T) {
	list := []kept{{Resource: `m1/file["/etc/a"]`, State: json.RawMessage(`{"type":"file"}`), Units: []string{"a.service", "b.service"}, Passed: []string{"a.service"}}}
	good, err := encode(list)
	require.NoError(t, err)
	corrupt.Feed(t, 1, func(in []byte) bool {
		got, err := decode(in)
		if err == nil {
			assert.Equal(t, list, got)
		}
		return err == nil
	}, good)
}
