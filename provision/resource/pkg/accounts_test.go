package pkg

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
)

// A SIGKILL in the middle of adduser left /etc/group.368 on a host.
func TestLocksOfKilledAccountCommandsAreRemoved(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	const gone = 1<<22 + 1 // above any process id
	mine := fmt.Sprintf("group.%d", os.Getpid())
	stay := []string{"group", "group-", "group.bak", "group.0", "group.1x", "hosts.4194305", mine}
	for _, name := range append([]string{fmt.Sprintf("group.%d", gone), fmt.Sprintf("gshadow.%d", gone)}, stay...) {
		file := filepath.Join(host.System.Files.Path("/etc"), name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, nil, 0o600))
	}
	require.NoError(t, kind{}.Apply(t.Context(), host.System, "haproxy", Spec{}))
	var left []string
	entries, err := os.ReadDir(host.System.Files.Path("/etc"))
	require.NoError(t, err)
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	assert.Subset(t, left, stay)
	assert.NotContains(t, left, fmt.Sprintf("group.%d", gone))
	assert.NotContains(t, left, fmt.Sprintf("gshadow.%d", gone))
}
