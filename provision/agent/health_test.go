package agent_test

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
)

func TestHealthLooksAndChangesNothing(t *testing.T) {
	h := newHost(t)
	h.write(t, "/bin/program", "program")
	h.write(t, "/pki/bad.crt", "no certificate")
	h.write(t, "/proc/swaps", "Filename Type Size Used Priority\n/dev/sdb partition 1 0 -2\n")
	h.write(t, "/proc/meminfo", "MemTotal: 8 kB\nMemAvailable:  4096 kB\n")
	s := h.session(t, sessionOptions{})
	got, err := api.Health.Call(t.Context(), s, api.HealthParams{
		Units: []string{"etcd.service"}, Files: []string{"/bin/program", "/bin/none"}, Certs: []string{"/pki/bad.crt", "/pki/none.crt"},
		Disks: []string{"/", "/none"},
	})
	require.NoError(t, err)
	assert.Equal(t, "etcd.service", got.Units[0].Name)
	assert.Len(t, got.Files[0].SHA256, 64)
	assert.Equal(t, api.File{Path: "/bin/none"}, got.Files[1], "missing is no error")
	assert.Equal(t, "it is no certificate", got.Certs[0].Error)
	assert.Equal(t, "it is missing", got.Certs[1].Error)
	assert.Positive(t, got.Disks[0].Total)
	assert.Equal(t, got.Disks[0].Device, got.Disks[1].Device, "a folder that is not there yet will lie on the one above it")
	assert.Equal(t, []string{"/dev/sdb"}, got.Swaps)
	assert.EqualValues(t, 4096, got.MemoryKiB)
	assert.Nil(t, got.Lock)
	assert.False(t, got.Clock.IsZero())
}

func TestHealthNamesTheHolderOfTheLock(t *testing.T) {
	h := newHost(t)
	h.locked(t)
	locks, err := os.ReadFile("/proc/locks")
	require.NoError(t, err)
	h.write(t, "/proc/locks", string(locks))
	got, err := api.Health.Call(t.Context(), h.session(t, sessionOptions{}), api.HealthParams{})
	require.NoError(t, err)
	require.NotNil(t, got.Lock)
	assert.NotEmpty(t, got.Lock.Holder)
}

func TestOnlyUnitsAndOwnedFilesCanBeAskedFor(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	for _, name := range []string{"", "-u", "--all", "etcd*", "a b", "a\nb", "a/../b"} {
		err := api.Health.Do(t.Context(), s, api.HealthParams{Units: []string{name}})
		require.ErrorContains(t, err, "no unit name", "%q", name)
		err = api.Journal.Do(t.Context(), s, api.JournalParams{Unit: name, Lines: 10})
		require.Error(t, err, "%q", name)
		require.Error(t, s.Follow(t.Context(), api.JournalHeader{Unit: name, Lines: 1}, io.Discard), "%q", name)
	}
	err := api.Collect.Do(t.Context(), s, api.CollectParams{Files: []string{"/etc/shadow"}})
	require.ErrorContains(t, err, "not one that provision owns")
}

func TestFollowingEndsWithItsContext(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	var out strings.Builder
	require.NoError(t, s.Follow(t.Context(), api.JournalHeader{Unit: "etcd.service", Lines: 1}, &out))
	assert.NotEmpty(t, out.String(), "the host has no journalctl, and says so")
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	require.NoError(t, s.Follow(ctx, api.JournalHeader{Unit: "etcd.service", Follow: true}, io.Discard))
}
