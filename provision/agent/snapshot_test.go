package agent_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

// etcd answers for etcdctl and etcdutl.
type etcd struct {
	content []byte
	bad     error // what etcdutl says
}

func (etcd) LookPath(string) string { return "" }

func (e *etcd) Run(_ context.Context, c system.Command) (system.Result, error) {
	switch filepath.Base(c.Argv[0]) + " " + c.Argv[2] {
	case "etcdctl save":
		return system.Result{}, os.WriteFile(c.Argv[3], e.content, 0o644)
	case "etcdutl status":
		return system.Result{Stdout: []byte(`{"hash":1,"revision":42,"totalKey":7,"totalSize":512,"version":"3.7.0"}`)}, e.bad
	}
	return system.Result{}, errors.New("unknown command " + strings.Join(c.Argv, " "))
}

func whole(content string) []byte {
	database := append([]byte(content), make([]byte, 512-len(content))...)
	sum := sha256.Sum256(database)
	return append(database, sum[:]...)
}

func snapshotParams(epoch uint64, name string) api.SnapshotParams {
	return api.SnapshotParams{Epoch: epoch, Name: name, Data: "/data/db", Programs: "/bin", Endpoint: "https://127.0.0.1:2379", Keep: 2, Within: time.Minute}
}

func snapshotsOf(t *testing.T, h *host) []string {
	t.Helper()
	entries, err := os.ReadDir(h.root + system.SnapshotDir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), "%s", e.Name())
		names = append(names, e.Name())
	}
	return names
}

func TestSnapshotsAreVerifiedAndFewAreKept(t *testing.T) {
	h := newHost(t)
	h.write(t, "/data/db", "data")
	h.write(t, system.SnapshotDir+"/cut-off.db.new", "half")
	e := &etcd{content: whole("all objects")}
	h.runner = e
	s := h.locked(t)
	for i, name := range []string{"a.db", "b.db", "c.db"} {
		got, err := api.Snapshot.Call(t.Context(), s, snapshotParams(h.epoch, name))
		require.NoError(t, err)
		assert.Equal(t, api.SnapshotResult{Path: system.SnapshotDir + "/" + name, Size: 544, Revision: 42, Keys: 7}, got)
		past := time.Now().Add(time.Duration(i-10) * time.Minute)
		require.NoError(t, os.Chtimes(h.root+got.Path, past, past))
	}
	assert.Equal(t, []string{"b.db", "c.db"}, snapshotsOf(t, h), "the oldest goes, and what was cut off")

	for name, spoil := range map[string]func(){
		"another content than etcd sent": func() { e.content[3] ^= 1 },
		"cut short":                      func() { e.content = e.content[:300] },
		"empty":                          func() { e.content = nil },
		"a broken database":              func() { e.bad = errors.New("snapshot file integrity check failed") },
	} {
		t.Run(name, func(t *testing.T) {
			e.content, e.bad = whole("all objects"), nil
			spoil()
			err := api.Snapshot.Do(t.Context(), s, snapshotParams(h.epoch, "d.db"))
			require.ErrorContains(t, err, "verifying the snapshot of etcd")
			assert.Equal(t, []string{"b.db", "c.db"}, snapshotsOf(t, h), "the others are untouched")
		})
	}
}

func TestRepeatedRunsKeepTheSnapshotFromBefore(t *testing.T) {
	h := newHost(t)
	h.write(t, "/data/db", "data")
	h.runner = &etcd{content: whole("all objects")}
	s := h.locked(t)
	for i, name := range []string{"before-1-0.db", "before-2-1.db", "before-2-2.db", "before-2-3.db", "before-2-4.db", "before-2-5.db"} {
		params := snapshotParams(h.epoch, name)
		params.Keep = 3
		got, err := api.Snapshot.Call(t.Context(), s, params)
		require.NoError(t, err)
		past := time.Now().Add(time.Duration(i-10) * time.Minute)
		require.NoError(t, os.Chtimes(h.root+got.Path, past, past))
	}
	assert.Equal(t, []string{"before-2-1.db", "before-2-4.db", "before-2-5.db"}, snapshotsOf(t, h))
}

func TestSnapshotsThatNobodyMayTake(t *testing.T) {
	h := newHost(t)
	h.write(t, "/data/db", "data")
	h.runner = &etcd{content: whole("x")}
	err := api.Snapshot.Do(t.Context(), h.session(t, sessionOptions{}), snapshotParams(1, "a.db"))
	require.ErrorContains(t, err, "not locked")
	s := h.locked(t)
	for _, name := range []string{"", "a", "../a.db", "/a.db", ".db", "a b.db", "a\n.db", "ä.db"} {
		err = api.Snapshot.Do(t.Context(), s, snapshotParams(h.epoch, name))
		require.ErrorContains(t, err, "is no name of a snapshot", name)
	}
	huge := snapshotParams(h.epoch, "a.db")
	require.NoError(t, os.Truncate(filepath.Join(h.root, "/data/db"), 1<<43))
	err = api.Snapshot.Do(t.Context(), s, huge)
	require.ErrorContains(t, err, "make room")
}
