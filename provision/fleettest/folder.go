package fleettest

import (
	"os"
	"testing"
)

// Folder is a folder for hosts that goes when the test ends. It lies in memory
// where that is possible: many hosts that sync each write are slower than any
// disk, and what preflight measures would be the load of the machine.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "provision-fleet-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
