//go:build lab

package lab

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

// TestPowerCycles: a host is switched on as soon as it is off, and nothing of
// its former life is in the way.
func TestPowerCycles(t *testing.T) {
	l := upTest(t, "mend", inventoryOf("root", "c1", "10.91.9.11"))
	for range 5 {
		// Somebody has a program's files open, as a probe in the host does: its
		// network namespace outlives it.
		h, err := l.host("c1") // its process is another one after each boot
		require.NoError(t, err)
		release := holdNamespaces(t, h)
		require.NoError(t, l.PowerCut(t.Context(), "c1"))
		err = l.port(h, func(netlink.Link) error { return nil })
		assert.ErrorAs(t, err, &netlink.LinkNotFoundError{}, "a switch sees no cable to a host without power")
		err = l.PowerOn(t.Context(), "c1")
		release()
		require.NoError(t, err)
	}
}

// holdNamespaces keeps the host's network namespace alive.
func holdNamespaces(t *testing.T, h hostState) (release func()) {
	t.Helper()
	pid, err := initOf(h.Process)
	require.NoError(t, err)
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	require.NoError(t, err)
	return func() { _ = file.Close() }
}
