//go:build lab

package lab

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// greets reports whether sshd of a host answers in time.
func greets(t *testing.T, l *Lab, host string, within time.Duration) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	h, err := l.host(host)
	require.NoError(t, err)
	return l.awaitBanner(ctx, h) == nil
}

// reaches reports whether a host gets an answer of another's sshd.
func reaches(t *testing.T, l *Lab, from, address string) bool {
	t.Helper()
	_, err := l.Exec(t.Context(), from, "timeout", "3", "bash", "-c", "exec 3<>/dev/tcp/"+address+"/22; head -c 8 <&3")
	return err == nil
}

func upDisks(t *testing.T, name string, disks ...Disk) *Lab {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { assert.NoError(t, DownIn(context.WithoutCancel(t.Context()), dir, name)) })
	l, err := Up(t.Context(), Options{Inventory: inventoryOf("root", "f1", "10.91.8.11", "f2", "10.91.8.12"), Name: name,
		StateDir: dir, Disks: disks, Progress: func(s string) { t.Log(s) }})
	require.NoError(t, err)
	return l
}

// faulty boots a lab whose first host has disks of its own.
func faulty(t *testing.T, name string) (*Lab, func(*testing.T)) {
	t.Helper()
	l := upDisks(t, name, Disk{Host: "f1", Path: "/", Size: 96 << 20}, Disk{Host: "f1", Path: "/var/lib/etcd", Size: 64 << 20})
	return l, func(t *testing.T) {
		t.Helper()
		faults, err := l.Faults()
		require.NoError(t, err)
		assert.Empty(t, faults)
		assert.True(t, greets(t, l, "f1", time.Minute))
	}
}

func TestNetworkFaults(t *testing.T) {
	l, none := faulty(t, "networkfaults")
	ctx := t.Context()
	t.Run("cable out", func(t *testing.T) {
		require.NoError(t, l.CutNetwork(ctx, "f1"))
		assert.False(t, greets(t, l, "f1", time.Second))
		assert.False(t, reaches(t, l, "f1", "10.91.8.12"))
		assert.True(t, greets(t, l, "f2", time.Minute))
		faults, err := l.Faults()
		require.NoError(t, err)
		require.Len(t, faults, 1)
		assert.Equal(t, "f1: cable out", faults[0].Host+": "+faults[0].String())
		require.NoError(t, l.RestoreNetwork(ctx, "f1"))
		require.Eventually(t, func() bool { return reaches(t, l, "f1", "10.91.8.12") }, time.Minute, 10*time.Millisecond, "once the neighbour is asked for again")
		none(t)
	})
	t.Run("part of the traffic", func(t *testing.T) {
		require.NoError(t, l.Block(ctx, "f1", []string{"f2"}))
		assert.True(t, greets(t, l, "f1", time.Minute))
		assert.False(t, reaches(t, l, "f2", "10.91.8.11"))
		assert.False(t, reaches(t, l, "f1", "10.91.8.12"))
		require.NoError(t, l.Block(ctx, "f1", []string{Operator}, 22))
		assert.False(t, greets(t, l, "f1", time.Second))
		assert.True(t, reaches(t, l, "f2", "10.91.8.11"), "the later fault replaces the earlier")
		require.NoError(t, l.Block(ctx, "f1", nil, 23))
		assert.True(t, greets(t, l, "f1", time.Minute))
		assert.ErrorContains(t, l.Block(ctx, "f1", []string{"nobody"}), "nobody")
		require.NoError(t, l.RestoreNetwork(ctx, "f1"))
		none(t)
	})
	t.Run("a slow link", func(t *testing.T) {
		const size = 1 << 20
		fast := transfer(t, l, size)
		require.NoError(t, l.LimitRate(ctx, "f1", 4_000_000))
		slow := transfer(t, l, size)
		t.Logf("1 MiB to the host: %v, at 4 Mbit/s %v", fast, slow)
		assert.Less(t, fast, slow)
		assert.Greater(t, slow, 1200*time.Millisecond)
		begun := time.Now()
		out := overSSH(t, l, l.Hosts()[0], "head -c 400000 /dev/zero | tr '\\0' x")
		assert.Len(t, out, 400000)
		assert.Greater(t, time.Since(begun), 400*time.Millisecond, "the other direction, too")
		require.NoError(t, l.RestoreNetwork(ctx, "f1"))
		assert.Less(t, transfer(t, l, size), slow)
		none(t)
	})
}

func TestProcessorFaults(t *testing.T) {
	l, none := faulty(t, "processorfaults")
	ctx := t.Context()
	t.Run("frozen", func(t *testing.T) {
		require.NoError(t, l.Freeze(ctx, "f1"))
		assert.False(t, greets(t, l, "f1", time.Second))
		require.NoError(t, l.Thaw(ctx, "f1"))
		none(t)
		require.NoError(t, l.Freeze(ctx, "f1"))
		begun := time.Now()
		require.NoError(t, l.PowerCut(ctx, "f1"), "a frozen host can be switched off")
		assert.Less(t, time.Since(begun), 30*time.Second)
		require.NoError(t, l.PowerOn(ctx, "f1"))
		none(t)
	})
	t.Run("slow", func(t *testing.T) {
		require.NoError(t, l.Slow(ctx, "f1", 5))
		begun := time.Now()
		used := strings.Fields(overSSH(t, l, l.Hosts()[0], "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; times"))
		took := time.Since(begun)
		require.NotEmpty(t, used)
		work, err := time.ParseDuration(used[0])
		require.NoError(t, err)
		t.Logf("%v of work took %v at 5 %%", work, took)
		assert.Greater(t, took, 8*work)
		require.NoError(t, l.FullSpeed(ctx, "f1"))
		assert.ErrorContains(t, l.Slow(ctx, "f1", 0.01), "0.1 is the least")
		none(t)
	})
}

func TestDiskFaults(t *testing.T) {
	l, none := faulty(t, "diskfaults")
	ctx := t.Context()
	t.Run("full disks", func(t *testing.T) {
		for _, path := range []string{"/etc", "/var/lib/etcd"} {
			require.NoError(t, l.FillDisk(ctx, "f1", path))
			_, err := l.Exec(ctx, "f1", "sh", "-c", "dd if=/dev/zero of="+path+"/new bs=4k count=1")
			assert.ErrorContains(t, err, "No space left", path)
			inHost(t, l, "f2", "sh", "-ec", "dd if=/dev/zero of="+path+"/new bs=4k count=1; rm "+path+"/new")
			require.NoError(t, l.PowerCut(ctx, "f1"))
			require.NoError(t, l.PowerOn(ctx, "f1"))
			_, err = l.Exec(ctx, "f1", "sh", "-c", "dd if=/dev/zero of="+path+"/new bs=4k count=1")
			assert.ErrorContains(t, err, "No space left", "a full disk outlives the power")
			require.NoError(t, l.FreeDisk(ctx, "f1", path))
			inHost(t, l, "f1", "sh", "-ec", "dd if=/dev/zero of="+path+"/new bs=4k count=1; rm "+path+"/new")
		}
		for _, path := range []string{"/var/lib/kubelet", "/run", "/proc"} {
			err := l.FillDisk(ctx, "f1", path)
			assert.ErrorContains(t, err, "lab up --disk "+path)
		}
		assert.ErrorContains(t, l.FillDisk(ctx, "f2", "/etc"), "a file system of this machine")
		none(t)
	})
	t.Run("read-only", func(t *testing.T) {
		require.NoError(t, l.Protect(ctx, "f1", "/etc"))
		_, err := l.Exec(ctx, "f1", "touch", "/etc/new")
		assert.ErrorContains(t, err, "Read-only file system")
		require.NoError(t, l.Protect(ctx, "f1", "/etc"), "twice is once")
		require.NoError(t, l.Unprotect(ctx, "f1", "/etc"))
		inHost(t, l, "f1", "sh", "-c", "touch /etc/new; rm /etc/new")
		assert.ErrorContains(t, l.Protect(ctx, "f1", "etc"), "absolute")
		none(t)
	})
}

func TestAllFaultsEndAtOnce(t *testing.T) {
	l, none := faulty(t, "allfaultsendatonce")
	ctx := t.Context()
	t.Run("the clock of a container is this machine's", func(t *testing.T) {
		assert.ErrorContains(t, l.SetClock(ctx, "f1", time.Hour), "a container has this machine's clock")
		none(t)
	})
	t.Run("all at once, ended at once", func(t *testing.T) {
		require.NoError(t, l.FillDisk(ctx, "f1", "/"))
		require.NoError(t, l.Protect(ctx, "f1", "/var/lib/etcd"))
		require.NoError(t, l.LimitRate(ctx, "f1", 1_000_000))
		require.NoError(t, l.Slow(ctx, "f1", 10))
		require.NoError(t, l.CutNetwork(ctx, "f1"))
		require.NoError(t, l.Freeze(ctx, "f1"))
		faults, err := l.Faults()
		require.NoError(t, err)
		assert.Len(t, faults, 6)
		other, err := OpenIn(filepath.Dir(l.Dir()), l.Name()) // as another process would
		require.NoError(t, err)
		require.NoError(t, other.FixAll(ctx, "f1"))
		none(t)
		inHost(t, l, "f1", "touch", "/var/lib/etcd/new", "/etc/new")
	})
}

// transfer measures how long a host takes to receive that much.
func transfer(t *testing.T, l *Lab, size int) time.Duration {
	t.Helper()
	cmd, err := l.Command(t.Context(), "f1", "bash", "-c", "exec 3<>/dev/tcp/10.91.8.1/4001; cat <&3 | wc -c")
	require.NoError(t, err)
	ln, err := l.Listen(t.Context(), "tcp", "10.91.8.1:4001")
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.Copy(c, io.LimitReader(strings.NewReader(strings.Repeat("x", size)), int64(size)))
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	begun := time.Now()
	out, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, itoa(size), strings.TrimSpace(string(out)))
	return time.Since(begun)
}

func TestFaultsAndDisksGoWithTheLab(t *testing.T) {
	dir := t.TempDir()
	id := labID(dir, "gone")
	before := traces(t, id)
	l, err := Up(t.Context(), Options{Inventory: inventoryOf("root", "f1", "10.91.9.11"), Name: "gone", StateDir: dir,
		Disks: []Disk{{Path: "/", Size: 64 << 20}}})
	require.NoError(t, err)
	image := diskImage(l.hostDir("f1"), "/")
	require.True(t, loopOf(image))
	require.NoError(t, l.FillDisk(t.Context(), "f1", "/"))
	require.NoError(t, l.Block(t.Context(), "f1", nil, 80))
	require.NoError(t, l.Freeze(t.Context(), "f1"))
	require.NoError(t, DownIn(t.Context(), dir, "gone"))
	assert.ElementsMatch(t, before, traces(t, id))
	assert.Empty(t, labProcesses(t, id))
	assert.False(t, loopOf(image))
	assert.NoFileExists(t, filepath.Join(dir, "gone"))
	_, err = os.Stat(netnsPath(id))
	assert.ErrorIs(t, err, os.ErrNotExist)
}
