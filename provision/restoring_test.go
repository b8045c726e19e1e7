package provision_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/agent/api"
	"provision/provision/etcd/snapshot"
	"provision/provision/facts"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/inventory"
	"provision/provision/restore"
)

// A backup that cannot be used is refused before anybody is asked, and before
// anything stops.
func TestARestoreIsRefusedBeforeAnythingStops(t *testing.T) {
	f, inv := formed(t, 1)
	ca := strings.TrimSpace(f.Host("m1").Read("/etc/kubernetes/pki/ca.crt"))
	fits := snapshot.File{Path: "etcd.snapshot", SHA256: "ab", Size: 1 << 20, Revision: 7, Version: "3.7.0", Authorities: []string{ca}, Members: []string{"m1"}}
	for name, c := range map[string]struct {
		change  func(file *snapshot.File, r *restore.Request)
		message string
	}{
		"another cluster's": {func(file *snapshot.File, _ *restore.Request) {
			file.Authorities = []string{"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"}
		}, "was taken of etcd on m1, and the authority that its pods trust is not this cluster's"},
		"another, by its manifest": {func(_ *snapshot.File, r *restore.Request) { r.UUID = "0b6b7a4c-0000-4000-8000-000000000000" }, "it is of cluster 0b6b7a4c"},
		"a newer minor":            {func(file *snapshot.File, _ *restore.Request) { file.Version = "3.8.0" }, "its database is of etcd 3.8"},
		"too old":                  {func(file *snapshot.File, _ *restore.Request) { file.Version = "3.5.9" }, "reads data of one minor release before its own only"},
		"before versions":          {func(file *snapshot.File, _ *restore.Request) { file.Version = "" }, "etcd 3.5 or earlier"},
		"a newer Kubernetes":       {func(_ *snapshot.File, r *restore.Request) { r.Kubernetes = "1.99.0" }, "it was taken of Kubernetes 1.99.0"},
		"a key that is gone":       {func(file *snapshot.File, _ *restore.Request) { file.EncryptionKeys = []string{"key77"} }, `encrypted with key "key77"`},
		"too large":                {func(file *snapshot.File, _ *restore.Request) { file.Size = 1 << 60 }, "make room there"},
		"lost, and answers":        {func(_ *snapshot.File, r *restore.Request) { r.Lost = []string{"m1"} }, "m1 answer, so they are not lost"},
		"lost, and a worker":       {func(_ *snapshot.File, r *restore.Request) { r.Lost = []string{"n1"} }, "--lost n1: no master or etcd host has this name"},
	} {
		t.Run(name, func(t *testing.T) {
			file := fits
			request := restore.Request{File: &file, Name: "etcd.snapshot"}
			c.change(&file, &request)
			refused(t, f, names(inv), func() int {
				o := f.Operator(inv)
				defer o.Close()
				err := o.Restore(t.Context(), request, func(*restore.Plan) (bool, error) { t.Error("nobody is asked"); return false, nil })
				require.ErrorContains(t, err, "cannot restore etcd.snapshot, nothing was changed")
				require.ErrorContains(t, err, c.message)
				return 1
			})
		})
	}
}

// Who says no, or was asked for an id of revisions, changes nothing.
func TestThePlanOfARestore(t *testing.T) {
	f, inv := formed(t, 1)
	file := snapshot.File{Path: "x", SHA256: "ab", Size: 1 << 20, Revision: 7, Keys: 3, Version: "3.7.0", Authorities: []string{strings.TrimSpace(f.Host("m1").Read("/etc/kubernetes/pki/ca.crt"))}}
	require.NoError(t, os.MkdirAll(filepath.Join(f.Host("m1").Root, "/var/lib/etcd"), 0o700))
	o := f.Operator(inv)
	defer o.Close()
	var seen *restore.Plan
	err := o.Restore(t.Context(), restore.Request{File: &file, Name: "etcd.snapshot"}, func(p *restore.Plan) (bool, error) { seen = p; return false, nil })
	require.ErrorContains(t, err, "not approved: nothing was changed")
	require.NotNil(t, seen)
	assert.Equal(t, []string{"m1"}, seen.Hosts)
	assert.Greater(t, seen.Begins, int64(1_000_000_000))
	assert.Contains(t, seen.Text(), "etcd is made anew on m1,")
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty())
}

// backupOf is a file that fits the cluster.
func backupOf(t *testing.T, f *fleettest.Fleet) restore.Request {
	t.Helper()
	path := filepath.Join(t.TempDir(), "etcd.snapshot")
	require.NoError(t, os.WriteFile(path, []byte("objects"), 0o600))
	sum := sha256.Sum256([]byte("objects"))
	return restore.Request{Name: "etcd.snapshot", File: &snapshot.File{Path: path, SHA256: hex.EncodeToString(sum[:]), Size: 7, Revision: 40, Version: "3.7.0",
		Authorities: []string{strings.TrimSpace(f.Host("m1").Read("/etc/kubernetes/pki/ca.crt"))}}}
}

func restored(ctx context.Context, f *fleettest.Fleet, inv *inventory.Inventory, request restore.Request, tune ...func(*provision.Options)) error {
	o := f.Operator(inv, tune...)
	defer o.Close()
	return o.Restore(ctx, request, func(*restore.Plan) (bool, error) { return true, nil })
}

// identityOf is what a host's ledger says.
func identityOf(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, host string) facts.Identity {
	t.Helper()
	c := f.Connector(1)
	defer c.Close()
	h, _ := inv.Host(host)
	agent, err := c.Connect(t.Context(), h, nil)
	require.NoError(t, err)
	defer agent.Close()
	known, err := api.Facts.Call(t.Context(), agent, api.FactsParams{})
	require.NoError(t, err)
	require.NotNil(t, known.Owned.Identity)
	return *known.Owned.Identity
}

func wholeAgain(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, was string, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		id := identityOf(t, f, inv, host)
		require.NotNil(t, id.Restored, host)
		assert.False(t, id.Restored.Open, host)
		assert.Equal(t, id.Restored.Cluster, id.EtcdClusterID, host)
		assert.Equal(t, []string{was}, id.Restored.Former, host)
		assert.Greater(t, id.Restored.Revision, int64(40), host)
		assert.Equal(t, "objects", f.Host(host).Read("/var/lib/etcd/member/db"), host)
		kept, err := filepath.Glob(f.Host(host).Root + "/var/lib/etcd/before-restore-*/member")
		require.NoError(t, err)
		assert.NotEmpty(t, kept, "%s keeps what it had", host)
	}
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%v", p.Steps)
}

// A restore that is killed at any of its points is finished by the same command,
// and nothing else changes the cluster meanwhile.
func TestARestoreCanBeKilledAnywhere(t *testing.T) {
	for _, point := range []string{"committed m1", "restore stopped", `step m2/etcddata["/var/lib/etcd"]`, `done m3/unit["kube-apiserver.service"]`} {
		t.Run(point, func(t *testing.T) {
			inv := masters(t, "3")
			f := boot(t, inv, fleettest.Options{})
			_, err := apply(t, f, inv)
			require.NoError(t, err)
			was := identityOf(t, f, inv, "m1").EtcdClusterID
			request := backupOf(t, f)
			if point != "" {
				ctx, cancel := context.WithCancel(t.Context())
				reached := false
				err := restored(ctx, f, inv, request, func(o *provision.Options) {
					o.Point = func(name string) {
						if name == point {
							reached = true
							cancel()
						}
					}
				})
				cancel()
				require.Error(t, err)
				require.True(t, reached)
				f.Quiet()
			}
			require.NoError(t, restored(t.Context(), f, inv, request))
			wholeAgain(t, f, inv, was, "m1", "m2", "m3")
		})
	}
}

func TestNothingElseChangesAClusterThatIsBeingRestored(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.Error(t, restored(ctx, f, inv, backupOf(t, f), func(o *provision.Options) {
		o.Point = func(name string) {
			if name == "restore stopped" {
				cancel()
			}
		}
	}))
	f.Quiet()
	_, err = apply(t, f, inv)
	require.ErrorContains(t, err, "a restore of etcd's data from etcd.snapshot was begun")
	require.ErrorContains(t, err, "provision etcd restore etcd.snapshot")
}

// A host that was given up comes back with old data: they are set aside.
func TestALostHostJoinsAnewAfterARestore(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	was := identityOf(t, f, inv, "m3").EtcdClusterID
	number, err := strconv.ParseUint(was, 16, 64)
	require.NoError(t, err)
	for i, host := range []string{"m1", "m2", "m3"} {
		require.NoError(t, f.Host(host).WriteEtcd(uint64(i+1), number))
	}
	request := backupOf(t, f)
	f.Host("m3").Fail(sshtest.Refuse)
	err = restored(t.Context(), f, inv, request)
	require.ErrorContains(t, err, "m3 do not answer")
	require.ErrorContains(t, err, "add --lost m3")

	request.Lost = []string{"m3"}
	f.API.RemoveMember("m3")
	err = restored(t.Context(), f, inv, request)
	require.ErrorContains(t, err, "m3", "the host that took no part is named")
	id := identityOf(t, f, inv, "m1")
	require.False(t, id.Restored.Open)
	assert.Len(t, id.Restored.Members, 2)

	f.Host("m3").Fail(0)
	current, err := strconv.ParseUint(id.EtcdClusterID, 16, 64)
	require.NoError(t, err)
	f.API.SetEtcdIDs(map[string]uint64{"m1": current, "m2": current, "m3": number})
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "host m3 has etcd data from before the restore: the data are set aside")
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	kept, err := filepath.Glob(f.Host("m3").Root + "/var/lib/etcd/removed-*/member")
	require.NoError(t, err)
	assert.NotEmpty(t, kept)
}
