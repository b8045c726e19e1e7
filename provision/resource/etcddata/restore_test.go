package etcddata_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/etcdlog"
	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource"
	"provision/provision/resource/etcddata"
	"provision/provision/resource/resourcetest"
)

const content = "a snapshot"

func snapshotSum() string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func restoreSpec(log string) etcddata.Spec {
	return etcddata.Spec{Unit: "etcd.service", Log: log, Restore: &etcddata.Restore{Snapshot: snapshotSum(), Programs: "/usr/local/bin", Cluster: "7",
		Name: "m1", Members: "m1=https://10.0.0.1:2380", Token: "dc1-restored", PeerURL: "https://10.0.0.1:2380", Bump: 1000}}
}

// etcdutl makes data of cluster 7 as the real one does, or fails.
func etcdutl(commands *systemfake.Runner, fails error) {
	commands.Handle("/usr/local/bin/etcdutl", func(argv []string) (string, error) {
		value := func(name string) string { return argv[slices.Index(argv, name)+1] }
		folder := value("--data-dir")
		log := folder + "/member/wal"
		if slices.Contains(argv, "--wal-dir") {
			log = value("--wal-dir")
		}
		err := errors.Join(os.MkdirAll(folder+"/member/snap", 0o700), os.MkdirAll(log, 0o700), os.WriteFile(folder+"/member/snap/db", []byte("restored"), 0o600),
			os.WriteFile(log+"/0000000000000000-0000000000000000.wal", etcdlog.Segment(0x1f, 7), 0o600))
		return "", errors.Join(err, fails)
	})
}

// able is the kind on hosts that have etcdutl.
type able struct {
	resource.Kind[*system.System]
}

func (a able) Apply(ctx context.Context, sys *system.System, name string, spec json.RawMessage) error {
	if commands, ok := sys.Runner.(*systemfake.Runner); ok {
		etcdutl(commands, nil)
	}
	return a.Kind.Apply(ctx, sys, name, spec)
}

// ready is a host with a snapshot, and with data of another cluster if it says so.
func ready(log string, old bool) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		_, err := host.PutBlob([]byte(content))
		if !old {
			return errors.Join(err, host.Put("/etc/systemd/system/etcd.service", "[Service]\n", 0o644), os.MkdirAll(host.Root+folder, 0o700))
		}
		return errors.Join(err, host.Put("/etc/systemd/system/etcd.service", "[Service]\n", 0o644), host.Put(folder+"/member/snap/db", "objects", 0o600),
			host.Put(log+"/0000000000000000-0000000000000000.wal", string(etcdlog.Segment(0xabc, 6)), 0o600))
	}
}

// Killed at any point, a second attempt ends with the restored data in place, and
// what was there before is kept.
func TestRestoreConforms(t *testing.T) {
	const beside, elsewhere = folder + "/member/wal", "/srv/wal"
	check := func(log string, old bool) func(t *testing.T, host *systemfake.Host) {
		return func(t *testing.T, host *systemfake.Host) {
			db, err := os.ReadFile(host.Root + folder + "/member/snap/db")
			require.NoError(t, err)
			assert.Equal(t, "restored", string(db))
			owner, there, err := etcdlog.Read(host.System.Files, log)
			require.NoError(t, err)
			assert.True(t, there)
			assert.Equal(t, "7", owner.Cluster)
			assert.NoDirExists(t, host.Root+folder+"/restoring")
			if !old {
				return
			}
			kept, err := filepath.Glob(host.Root + folder + "/before-restore-*/member/snap/db")
			require.NoError(t, err)
			found := false
			for _, file := range kept {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				found = found || string(text) == "objects"
			}
			assert.True(t, found, "what was there is kept: %v", kept)
		}
	}
	var cases []resourcetest.Case
	for title, c := range map[string]struct {
		log string
		old bool
	}{"over old data": {beside, true}, "log elsewhere": {elsewhere, true}, "on an empty host": {beside, false}, "empty, log elsewhere": {elsewhere, false}} {
		cases = append(cases, resourcetest.Case{Title: title, Kind: able{etcddata.Of()}, Name: folder, Spec: restoreSpec(c.log), Setup: ready(c.log, c.old), NoRestore: true, Check: check(c.log, c.old),
			Drifts: map[string]func(*systemfake.Host) error{"old data are put back": func(host *systemfake.Host) error {
				return host.Put(c.log+"/0000000000000000-0000000000000000.wal", string(etcdlog.Segment(0xabc, 6)), 0o600)
			}}})
	}
	resourcetest.Run(t, cases...)
}

func TestARestoreThatFailsLeavesWhatThereIs(t *testing.T) {
	const log = folder + "/member/wal"
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, ready(log, true)(host))
	etcdutl(host.Commands, errors.New("no space left on device"))
	raw, err := json.Marshal(restoreSpec(log))
	require.NoError(t, err)
	require.ErrorContains(t, etcddata.Of().Apply(t.Context(), host.System, folder, raw), "no space left on device")
	entries, err := os.ReadDir(host.Root + folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half-made is left")
	db, err := os.ReadFile(host.Root + folder + "/member/snap/db")
	require.NoError(t, err)
	assert.Equal(t, "objects", string(db))
}

func TestDataOfTheRestoredClusterStay(t *testing.T) {
	const log = folder + "/member/wal"
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, data(log, 0xabc)(host)) // of cluster 7
	raw, err := json.Marshal(restoreSpec(log))
	require.NoError(t, err)
	require.NoError(t, etcddata.Of().Apply(t.Context(), host.System, folder, raw))
	assert.Empty(t, host.Commands.Ran())
}

func TestCheckOfRestores(t *testing.T) {
	for title, change := range map[string]func(*etcddata.Restore){
		"a flag as a name":  func(r *etcddata.Restore) { r.Name = "--x" },
		"no token":          func(r *etcddata.Restore) { r.Token = "" },
		"no id":             func(r *etcddata.Restore) { r.Cluster = "xyz" },
		"revisions go back": func(r *etcddata.Restore) { r.Bump = -1 },
		"programs anywhere": func(r *etcddata.Restore) { r.Programs = "bin" },
	} {
		want := restoreSpec(folder + "/member/wal")
		change(want.Restore)
		raw, err := json.Marshal(want)
		require.NoError(t, err)
		assert.Error(t, etcddata.Of().Check(folder, raw), title)
	}
	assert.True(t, strings.HasPrefix(etcddata.Replaced, "before-restore"), "the name that messages and pages give")
}
