//go:build labhost

package resourcetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/kinds"
)

func kindOf(t *testing.T, name string) resource.Kind[*system.System] {
	t.Helper()
	kind, err := kinds.New().Find(name)
	require.NoError(t, err)
	return kind
}
