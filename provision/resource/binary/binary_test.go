package binary_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/binary"
)

func TestADirectoryInTheWayIsToldBeforeAnythingChanges(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	const path = "/usr/local/bin/ctr"
	require.NoError(t, os.MkdirAll(host.Root+path, 0o755))
	want := binary.New("m1", path, strings.Repeat("ab", 32), "1.2.3")
	_, err = binary.Of().Observe(t.Context(), host.System, path, want.Spec)
	require.ErrorContains(t, err, path+" is a directory: remove it")
}
