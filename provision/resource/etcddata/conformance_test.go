package etcddata_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/etcdlog"
	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource"
	"provision/provision/resource/etcddata"
	"provision/provision/resource/resourcetest"
)

const folder = "/var/lib/etcd"

// still is the kind on hosts whose clock stands still.
type still struct {
	resource.Kind[*system.System]
}

func (s still) Apply(ctx context.Context, sys *system.System, name string, spec json.RawMessage) error {
	sys.Now = func() time.Time { return time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC) }
	return s.Kind.Apply(ctx, sys, name, spec)
}

func spec(log, removed string) etcddata.Spec {
	return etcddata.Spec{Unit: "etcd.service", Log: log, Rejoin: true, Removed: removed}
}

// data are those of a member, with its log in the given folder.
func data(log string, member uint64) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		return errors.Join(host.Put("/etc/systemd/system/etcd.service", "[Service]\n", 0o644), host.Put(folder+"/member/snap/db", "objects", 0o600),
			host.Put(log+"/0000000000000000-0000000000000000.wal", string(etcdlog.Segment(member, 7)), 0o600))
	}
}

func failed(host *systemfake.Host) error { return host.Put(folder+"/member/snap/db", "", 0o600) }

func TestConformance(t *testing.T) {
	const beside, elsewhere = folder + "/member/wal", "/srv/wal"
	kept := func(t *testing.T, host *systemfake.Host) {
		assert.NoDirExists(t, host.Root+folder+"/member")
		assert.FileExists(t, host.Root+folder+"/removed-20261122T200000Z/member/snap/db")
	}
	resourcetest.Run(t,
		resourcetest.Case{Title: "removed", Kind: still{etcddata.Of()}, Name: folder, Spec: spec(beside, "abc"), Setup: data(beside, 0xabc), NoRestore: true, Check: kept,
			Drifts: map[string]func(*systemfake.Host) error{"put back": data(beside, 0xabc)}},
		resourcetest.Case{Title: "log elsewhere", Kind: still{etcddata.Of()}, Name: folder, Spec: spec(elsewhere, "abc"), Setup: data(elsewhere, 0xabc), NoRestore: true, Check: kept,
			Drifts: map[string]func(*systemfake.Host) error{"put back": data(elsewhere, 0xabc)}},
		resourcetest.Case{Title: "never begun", Kind: still{etcddata.Of()}, Name: folder, Spec: spec(beside, ""), Setup: failed, NoRestore: true, Check: kept,
			Drifts: map[string]func(*systemfake.Host) error{"again": failed}},
	)
}

// Data that are worth something are never touched, whatever was planned before
// they came.
func TestDataOfMembersStay(t *testing.T) {
	const log = folder + "/member/wal"
	unread := spec(log, "abc")
	never := spec(log, "abc")
	never.Rejoin = false
	for title, test := range map[string]struct {
		want   etcddata.Spec
		member uint64
	}{
		"of another member":         {spec(log, "abc"), 0xabd},
		"of a member meanwhile":     {spec(log, ""), 0xabc},
		"nobody said that it joins": {never, 0xabc},
		"of whom cannot be told":    {unread, 0},
	} {
		t.Run(title, func(t *testing.T) {
			host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
			require.NoError(t, err)
			require.NoError(t, data(log, test.member)(host))
			require.NoError(t, host.System.Units.Start(t.Context(), "etcd.service"))
			kind := etcddata.Of()
			raw, err := json.Marshal(test.want)
			require.NoError(t, err)
			have, err := kind.Observe(t.Context(), host.System, folder, raw)
			require.NoError(t, err)
			changes, err := kind.Diff(folder, raw, have)
			require.NoError(t, err)
			assert.Empty(t, changes)
			require.NoError(t, kind.Apply(t.Context(), host.System, folder, raw))
			assert.FileExists(t, filepath.Join(host.Root, folder, "member/snap/db"))
			status, err := host.System.Units.Status(t.Context(), "etcd.service")
			require.NoError(t, err)
			assert.Equal(t, "active", status.ActiveState)
		})
	}
}

func TestOnlyTheLastOneIsKept(t *testing.T) {
	const log = folder + "/member/wal"
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	raw, err := json.Marshal(spec(log, "abc"))
	require.NoError(t, err)
	for day := range 3 {
		host.Now = func() time.Time { return time.Date(2026, 11, 20+day, 20, 0, 0, 0, time.UTC) }
		require.NoError(t, data(log, 0xabc)(host))
		require.NoError(t, etcddata.Of().Apply(t.Context(), host.System, folder, raw))
	}
	entries, err := os.ReadDir(filepath.Join(host.Root, folder))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "removed-20261122T200000Z", entries[0].Name())
}

func TestCheck(t *testing.T) {
	for title, change := range map[string]func(*etcddata.Spec){
		"unit": func(s *etcddata.Spec) { s.Unit = "../x.service" },
		"log":  func(s *etcddata.Spec) { s.Log = "wal" },
		"id":   func(s *etcddata.Spec) { s.Removed = "xyz" },
	} {
		want := spec(folder+"/member/wal", "abc")
		change(&want)
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		assert.Error(t, etcddata.Of().Check(folder, raw), title)
	}
}
