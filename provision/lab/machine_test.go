package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fakeMachine(t *testing.T, sysctls map[string]string) machine {
	t.Helper()
	m := machine{dir: filepath.Join(t.TempDir(), "record"), sysctls: t.TempDir(), swaps: "/nonexistent"}
	for name, value := range sysctls {
		path := filepath.Join(m.sysctls, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(value), 0o644))
	}
	return m
}

func (m machine) get(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(m.sysctls, name))
	require.NoError(t, err)
	return string(data)
}

func (m machine) set(t *testing.T, name, value string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(m.sysctls, name), []byte(value), 0o644))
}

func TestTheLastLabPutsSysctlsBack(t *testing.T) {
	m := fakeMachine(t, map[string]string{"vm/overcommit_memory": "0\n", "kernel/ns_last_pid": "1\n", "net/x": "0\n"})
	require.NoError(t, m.join("a"))
	m.set(t, "vm/overcommit_memory", "1\n")
	m.set(t, "kernel/ns_last_pid", "2\n")
	m.set(t, "net/x", "1\n")
	require.NoError(t, m.join("b"), "the second lab must not record what the first one's hosts changed")
	require.NoError(t, m.leave("a"))
	assert.Equal(t, "1\n", m.get(t, "vm/overcommit_memory"), "b still runs with it")

	require.NoError(t, m.leave("a"), "leaving twice is no error")
	require.NoError(t, m.leave("b"))
	assert.Equal(t, "0\n", m.get(t, "vm/overcommit_memory"))
	assert.Equal(t, "2\n", m.get(t, "kernel/ns_last_pid"), "what changes by itself is left alone")
	assert.Equal(t, "1\n", m.get(t, "net/x"), "the network's settings are per host, not the machine's")
	assert.NoDirExists(t, m.dir)
	require.NoError(t, m.leave("b"))
	assert.NoDirExists(t, m.dir)
}

func TestSharedLimitsAreRaisedWhileThereAreLabs(t *testing.T) {
	m := fakeMachine(t, map[string]string{"fs/inotify/max_user_instances": "128\n", "fs/inotify/max_user_watches": "9999999\n"})
	require.NoError(t, m.join("a"))
	assert.Equal(t, "8192", m.get(t, "fs/inotify/max_user_instances"))
	assert.Equal(t, "9999999\n", m.get(t, "fs/inotify/max_user_watches"), "what is high enough stays")
	require.NoError(t, m.leave("a"))
	assert.Equal(t, "128\n", m.get(t, "fs/inotify/max_user_instances"))
}

func TestJoiningTwiceCountsOnce(t *testing.T) {
	m := fakeMachine(t, map[string]string{"vm/swappiness": "60\n"})
	require.NoError(t, m.join("a"))
	m.set(t, "vm/swappiness", "1\n")
	require.NoError(t, m.join("a"), "an up after a killed up")
	require.NoError(t, m.leave("a"))
	assert.Equal(t, "60\n", m.get(t, "vm/swappiness"))
}

func TestLeavingWithoutJoiningChangesNothing(t *testing.T) {
	m := fakeMachine(t, map[string]string{"vm/swappiness": "60\n"})
	require.NoError(t, m.join("a"))
	m.set(t, "vm/swappiness", "1\n")
	require.NoError(t, m.leave("unknown"))
	assert.Equal(t, "1\n", m.get(t, "vm/swappiness"))
	assert.DirExists(t, m.dir)
}

func TestLockIsExclusiveAndLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	unlock, err := lock(dir, refuseLock)
	require.NoError(t, err)
	_, err = lock(dir, refuseLock)
	assert.ErrorContains(t, err, "another provision is working on it")
	require.NoError(t, os.Remove(dir), "the folder can go while it is locked")
	unlock2, err := lock(dir, refuseLock)
	require.NoError(t, err, "and be made again by somebody else")
	unlock()
	unlock2()
}
