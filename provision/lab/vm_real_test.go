//go:build lab && soak

package lab

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMachineBesideContainer boots a virtual machine. It takes a minute or more
// where no hardware helps: with tags lab and soak.
func TestMachineBesideContainer(t *testing.T) {
	dir := t.TempDir()
	id := labID(dir, "vm")
	before := traces(t, id)
	o := Options{Inventory: inventoryOf("ops", "c1", "10.91.10.11", "v1", "10.91.10.12"), Name: "vm", StateDir: dir,
		VMs: []string{"v1"}, Machine: Machine{Memory: 1024}, Progress: func(s string) { t.Log(s) }}
	t.Cleanup(func() { assert.NoError(t, DownIn(context.WithoutCancel(t.Context()), dir, "vm")) })
	begun := time.Now()
	l, err := Up(t.Context(), o)
	require.NoError(t, err)
	t.Logf("up after %v", time.Since(begun))
	v1 := l.Hosts()[1]

	t.Run("it is a host like the others", func(t *testing.T) {
		assert.Equal(t, "vm", inHost(t, l, "v1", "cat", "/etc/provision-lab"))
		assert.Equal(t, "it's $HOME", inHost(t, l, "v1", "echo", "it's $HOME"))
		assert.Equal(t, "ops 0", overSSH(t, l, v1, "echo $(id -un) $(sudo -n id -u)"))
		assert.True(t, reaches(t, l, "c1", "10.91.10.12"))
		assert.True(t, reaches(t, l, "v1", "10.91.10.11"))
	})
	t.Run("with a kernel of its own", func(t *testing.T) {
		assert.NotEqual(t, inHost(t, l, "c1", "uname", "-r"), inHost(t, l, "v1", "uname", "-r"))
		assert.Equal(t, "cgroup2fs", inHost(t, l, "v1", "stat", "-fc", "%T", "/sys/fs/cgroup"))
		inHost(t, l, "v1", "sh", "-ec", "modprobe dummy; modprobe -r dummy; fallocate -l 16M /swap; chmod 600 /swap; mkswap -q /swap; swapon /swap; swapoff /swap")
	})
	t.Run("and a clock", func(t *testing.T) {
		off := func() time.Duration {
			at, err := strconv.ParseInt(strings.TrimSpace(inHost(t, l, "v1", "date", "+%s")), 10, 64)
			require.NoError(t, err)
			return time.Until(time.Unix(at, 0)).Round(time.Minute)
		}
		assert.Zero(t, off())
		require.NoError(t, l.SetClock(t.Context(), "v1", time.Hour))
		assert.Equal(t, time.Hour, off())
		require.NoError(t, l.ResetClock(t.Context(), "v1"))
		assert.Zero(t, off())
	})
	t.Run("and a disk", func(t *testing.T) {
		require.NoError(t, l.FillDisk(t.Context(), "v1", "/etc"))
		_, err := l.Exec(t.Context(), "v1", "dd", "if=/dev/zero", "of=/etc/new", "bs=4k", "count=1")
		assert.ErrorContains(t, err, "No space left")
		require.NoError(t, l.FreeDisk(t.Context(), "v1", "/etc"))
	})
	t.Run("network faults and power", func(t *testing.T) {
		require.NoError(t, l.CutNetwork(t.Context(), "v1"))
		assert.False(t, reaches(t, l, "c1", "10.91.10.12"))
		require.NoError(t, l.RestoreNetwork(t.Context(), "v1"))
		inHost(t, l, "v1", "sh", "-ec", "echo kept > /root/kept; sync")
		require.NoError(t, l.PowerCut(t.Context(), "v1"))
		assert.False(t, l.Hosts()[1].On)
		begun := time.Now()
		require.NoError(t, l.PowerOn(t.Context(), "v1"))
		t.Logf("on again after %v", time.Since(begun))
		assert.Equal(t, "kept", inHost(t, l, "v1", "cat", "/root/kept"))
	})
	require.NoError(t, DownIn(t.Context(), dir, "vm"))
	assert.ElementsMatch(t, before, traces(t, id))
	assert.Empty(t, labProcesses(t, id))
}
