package lab

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
	"provision/test/faults"
)

// good is a state as lab up writes it.
func good(id string) state {
	return state{Version: stateVersion, Name: "dc1", ID: id, Created: time.Unix(1e9, 0).UTC(), User: "ops", Rootfs: "/c/lab/rootfs-bookworm-1", Ready: true,
		Hosts: []hostState{
			{Name: "m1", Kind: Container, Machine: machineName(0), Address: netip.MustParseAddr("10.0.0.1"), Port: 22, User: "ops", HostKey: "ssh-ed25519 AAAA", Process: process{PID: 7, Start: 9}},
			{Name: "n1", Kind: VM, Machine: machineName(1), Address: netip.MustParseAddr("fd00::2"), Port: 2222, User: "ops", VM: &vmState{Rootfs: "/c/r"}},
		}}
}

// A damaged state is refused, or names only hosts whose folders, interfaces and
// machines are of this lab.
func TestADamagedStateOfALabIsRefused(t *testing.T) {
	dir := t.TempDir()
	id := labID(dir, "dc1")
	sample, err := json.Marshal(good(id))
	require.NoError(t, err)
	path := statePath(filepath.Join(dir, "dc1"))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, sample, 0o600))
	_, err = OpenIn(dir, "dc1")
	require.NoError(t, err)
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		s, err := decodeState(in)
		if err != nil || s.check(id) != nil {
			return false
		}
		l := &Lab{dir: filepath.Join(dir, "dc1"), state: s}
		assert.Equal(t, netnsPath(id), l.Netns())
		folders, links := map[string]bool{}, map[string]bool{}
		for _, h := range s.Hosts {
			assert.Equal(t, filepath.Join(l.dir, "hosts"), filepath.Dir(l.hostDir(h.Name)))
			assert.False(t, folders[l.hostDir(h.Name)] || links[linkName(h.Machine)])
			folders[l.hostDir(h.Name)], links[linkName(h.Machine)] = true, true
			assert.Less(t, len(linkName(h.Machine)), 16)
			assert.NotContains(t, linkName(h.Machine), "/")
			assert.True(t, h.Address.IsValid())
			assert.Equal(t, h.Kind == VM, h.VM != nil)
		}
		return true
	}, sample)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(sample), `"m1"`, `"../../m1"`, 1)), 0o600))
	_, err = OpenIn(dir, "dc1")
	require.ErrorContains(t, err, "damaged")
	assert.ErrorContains(t, err, "provision lab down dc1")
	faults.Record(t, "corrupt-lab-state", "a damaged state of a lab is refused, or names only what is this lab's", "the state of a lab of a container and a virtual machine, damaged",
		"%d inputs: %d refused, %d with hosts, folders, interfaces and network namespace of this lab", tally.Inputs, tally.Rejected, tally.Accepted)
}

// What the kernel tells is read line by line; a fault is that of its own file.
func TestDamagedFaultsAndListsOfALab(t *testing.T) {
	l := &Lab{dir: t.TempDir(), state: &state{}}
	fault := Fault{Host: "m1", Kind: FaultDisk, Path: "/var/lib/etcd", Since: time.Unix(1e9, 0).UTC()}
	path := l.faultPath(fault)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	sample, err := json.Marshal(fault)
	require.NoError(t, err)
	tally := corrupt.FeedN(t, 2, corrupt.Many/10, func(in []byte) bool {
		require.NoError(t, os.WriteFile(path, in, 0o600))
		list, err := l.Faults()
		if err != nil {
			return false
		}
		assert.Len(t, list, 1)
		assert.Equal(t, []string{fault.Host, fault.Path, string(fault.Kind)}, []string{list[0].Host, list[0].Path, string(list[0].Kind)})
		return true
	}, sample)
	assert.Positive(t, tally.Rejected)
	corrupt.Feed(t, 3, func(in []byte) bool {
		for _, h := range parseCgroups(in).V1 {
			assert.NotEmpty(t, h.Mount)
		}
		return true
	}, []byte("33 24 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n34 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"))
	corrupt.Feed(t, 4, func(in []byte) bool {
		for _, s := range parseSwaps(string(in)) {
			assert.True(t, strings.HasPrefix(s.Path, "/"))
		}
		return true
	}, []byte("Filename Type Size Used Priority\n/dev/sda2 partition\t8388604\t\t0\t\t-2\n"))
}
