package agent_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
	"provision/provision/resource"
	"provision/provision/resource/binary"
)

func TestApplyMakesThePlanEmptyAndRemoveUndoesIt(t *testing.T) {
	h := newHost(t)
	h.write(t, "/etc/a", "before")
	wanted := []resource.Resource{text("/etc/a", "new"), text("/etc/b", "made")}
	s := h.locked(t)
	first := plan(t, s, wanted...)
	require.Equal(t, []string{`text["/etc/a"]`, `text["/etc/b"]`}, ids(first.Items))
	assert.True(t, first.Items[1].Changes[0].Create)
	for _, r := range wanted {
		result, err := h.apply(t.Context(), s, r, false)
		require.NoError(t, err)
		assert.True(t, result.Changed)
		result, err = h.apply(t.Context(), s, r, false)
		require.NoError(t, err)
		assert.False(t, result.Changed, "a second apply changes nothing")
	}
	require.NoError(t, api.Commit.Do(t.Context(), s, api.Empty{}))
	assert.Empty(t, plan(t, s, wanted...).Items)
	assert.Equal(t, "new", h.read("/etc/a"))

	gone := plan(t, s)
	require.Len(t, gone.Removed, 2)
	assert.Equal(t, `text["/etc/b"]`, gone.Removed[0].ID, "last applied, first removed")
	for _, entry := range gone.Removed {
		err := api.Remove.Do(t.Context(), s, api.RemoveParams{Epoch: h.epoch, ID: entry.ID})
		require.NoError(t, err)
	}
	assert.Equal(t, "before", h.read("/etc/a"))
	assert.NoFileExists(t, h.root+"/etc/b")
	assert.Empty(t, plan(t, s).Removed)
}

func TestBeforeIsWhatStoodThereFirst(t *testing.T) {
	h := newHost(t)
	h.write(t, "/etc/a", "before")
	for _, content := range []string{"one", "two"} {
		s := h.locked(t)
		_, err := h.apply(t.Context(), s, text("/etc/a", content), false)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
	s := h.locked(t)
	err := api.Remove.Do(t.Context(), s, api.RemoveParams{Epoch: h.epoch, ID: `text["/etc/a"]`})
	require.NoError(t, err)
	assert.Equal(t, "before", h.read("/etc/a"))
}

func TestReadingWritesNothing(t *testing.T) {
	h := newHost(t)
	s := h.session(t, sessionOptions{})
	err := api.Facts.Do(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	plan(t, s, text("/etc/a", "x"), unit("a.service"))
	assert.Empty(t, h.tree(t, "/"))
}

func TestWritingNeedsTheLockAndItsEpoch(t *testing.T) {
	h := newHost(t)
	s := h.session(t, sessionOptions{})
	for name, write := range map[string]func(epoch uint64) error{
		"apply": func(e uint64) error {
			err := api.Apply.Do(t.Context(), s, api.ApplyParams{Epoch: e, Resource: text("/etc/a", "x")})
			return err
		},
		"remove": func(e uint64) error {
			err := api.Remove.Do(t.Context(), s, api.RemoveParams{Epoch: e, ID: "x"})
			return err
		},
		"identity": func(e uint64) error {
			err := api.Identity.Do(t.Context(), s, api.IdentityParams{Act: "create", Epoch: e, UUID: "u"})
			return err
		},
		"roster": func(uint64) error { return api.Roster.Do(t.Context(), s, facts.Roster{}) },
		"commit": func(uint64) error { return api.Commit.Do(t.Context(), s, api.Empty{}) },
	} {
		assert.True(t, wire.IsCode(write(1), api.CodeLocked), name)
	}
	result, err := api.Lock.Call(t.Context(), s, api.LockParams{Holder: "x", Epoch: 7})
	require.NoError(t, err)
	require.True(t, result.Granted)
	err = api.Apply.Do(t.Context(), s, api.ApplyParams{Epoch: 6, Resource: text("/etc/a", "x")})
	assert.True(t, wire.IsCode(err, api.CodeStale))
	assert.NoFileExists(t, h.root+"/etc/a")
}

func TestLockPassesFromSessionToSession(t *testing.T) {
	h := newHost(t)
	first := h.locked(t)
	second := h.session(t, sessionOptions{})
	result, err := api.Lock.Call(t.Context(), second, api.LockParams{Holder: "bob", Epoch: 9})
	require.NoError(t, err)
	assert.False(t, result.Granted)
	assert.Equal(t, "ann@desk 1", result.Holder)
	assert.WithinDuration(t, time.Now(), result.Since, time.Minute)

	require.NoError(t, first.Close())
	result, err = api.Lock.Call(t.Context(), second, api.LockParams{Holder: "bob", Epoch: 1})
	require.NoError(t, err)
	assert.Equal(t, api.LockResult{Epoch: 1}, result, "stale: nobody holds it, but 1 was seen")
	result, err = api.Lock.Call(t.Context(), second, api.LockParams{Holder: "bob", Epoch: 2})
	require.NoError(t, err)
	assert.True(t, result.Granted)
	host, err := api.Facts.Call(t.Context(), second, api.FactsParams{})
	require.NoError(t, err)
	assert.EqualValues(t, 2, host.Owned.Epoch)
}

func TestSilenceEndsTheSessionAndFreesTheLock(t *testing.T) {
	h := newHost(t)
	s := h.session(t, sessionOptions{silence: 200 * time.Millisecond})
	result, err := api.Lock.Call(t.Context(), s, api.LockParams{Holder: "x", Epoch: 1})
	require.NoError(t, err)
	require.True(t, result.Granted)
	err = api.Plan.Do(t.Context(), s, api.PlanParams{Resources: []resource.Resource{text("/a", "wait")}})
	require.Error(t, err, "a request under way ends too")
	<-s.Done()
	assert.ErrorContains(t, s.Err(), "no heartbeat")
	h.epoch = 1
	h.locked(t)
}

func TestHeartbeatsKeepASessionAlive(t *testing.T) {
	t.Parallel() // it waits
	h := newHost(t)
	s := h.session(t, sessionOptions{silence: 2 * wire.Heartbeat})
	ctx, cancel := context.WithTimeout(t.Context(), 2*wire.Heartbeat+1500*time.Millisecond)
	defer cancel()
	select {
	case <-s.Done():
		t.Fatal("the session ended: ", s.Err())
	case <-ctx.Done():
	}
	plan(t, s)
}

func TestForeignHostRefusesTheLock(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	birth(t, h, s, "uuid-1", "sa.key")
	require.NoError(t, s.Close())
	s = h.session(t, sessionOptions{})
	err := api.Lock.Do(t.Context(), s, api.LockParams{Epoch: 5, UUID: "uuid-2"})
	assert.True(t, wire.IsCode(err, api.CodeForeign))
	assert.ErrorContains(t, err, "m1: the host belongs to cluster dc1")
	result, err := api.Lock.Call(t.Context(), s, api.LockParams{Epoch: 5, UUID: "uuid-1"})
	require.NoError(t, err)
	assert.True(t, result.Granted)
}

func TestErrorsTellWhatFailed(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, text("/etc/a", "fail"), false)
	assert.True(t, wire.IsCode(err, api.CodeFailed))
	assert.ErrorContains(t, err, `m1: text["/etc/a"]: applying`)
	assert.ErrorContains(t, err, "the tail")
	_, err = h.apply(t.Context(), s, resource.New("m1", "nonsense", "x", 1), false)
	assert.True(t, wire.IsCode(err, api.CodeBadRequest))
	_, err = h.apply(t.Context(), s, text("/etc/a", ""), false)
	assert.ErrorContains(t, err, "no content")
	_, err = h.apply(t.Context(), s, text("/etc/a", "x").WithBlobs(blobOf("absent")), false)
	assert.True(t, wire.IsCode(err, api.CodeMissing))
	_, err = h.apply(t.Context(), s, text("/etc/a", "x"), true)
	assert.ErrorContains(t, err, "only units")
	result := plan(t, s, text("/etc/a", ""), text("/etc/b", "x"))
	require.Len(t, result.Items, 2)
	assert.ErrorContains(t, result.Items[0].Error, "no content")
	assert.Nil(t, result.Items[1].Error, "one bad resource does not hide the others")
}

func TestKindsAskTheOperatorForCertificates(t *testing.T) {
	h := newHost(t)
	var asked system.SignRequest
	s := h.session(t, sessionOptions{onSign: func(_ context.Context, r system.SignRequest) ([]byte, error) {
		asked = r
		return []byte("sign"), nil
	}})
	assert.Empty(t, plan(t, s, text("/x", "sign")).Items)
	assert.Equal(t, system.SignRequest{CA: "etcd", CSR: []byte("csr")}, asked)
}

func TestDigestMovesOnlyWithTheHost(t *testing.T) {
	h := newHost(t)
	s := h.session(t, sessionOptions{})
	a, b := text("/etc/a", "x"), text("/etc/b", "y")
	before := plan(t, s, a, b).Digest
	assert.Equal(t, before, plan(t, s, b, a).Digest)
	h.write(t, "/etc/b", "z")
	assert.NotEqual(t, before, plan(t, s, a, b).Digest)
}

func TestPlanAndCommitMindBlobs(t *testing.T) {
	h := newHost(t)
	used, unused, part := blobOf("used"), blobOf("unused"), blobOf("part")
	h.write(t, system.BlobDir+"/"+used, "used")
	h.write(t, system.BlobDir+"/"+unused, "unused")
	h.write(t, system.BlobDir+"/"+part+".part", "pa")
	s := h.locked(t)
	result := plan(t, s, text("/etc/a", "x").WithBlobs(used, part), text("/etc/b", "x").WithBlobs(blobOf("none")))
	assert.Equal(t, map[string]int64{part: 2, blobOf("none"): 0}, result.Missing)
	_, err := h.apply(t.Context(), s, text("/etc/a", "x").WithBlobs(used), false)
	require.NoError(t, err)
	require.NoError(t, api.Commit.Do(t.Context(), s, api.Empty{}))
	host, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	assert.Equal(t, []string{used}, host.Blobs)
	assert.FileExists(t, h.root+system.BlobDir+"/"+part+".part")
	assert.Empty(t, plan(t, s, text("/etc/a", "x").WithBlobs(unused)).Missing, "what does not change needs no blob")
}

func TestABlobThatNoLongerFitsItsNameIsAskedForAgain(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"changed through a hard link": func(t *testing.T, path string) {
			require.NoError(t, os.Link(path, path+".link"))
			file, err := os.OpenFile(path+".link", os.O_WRONLY|os.O_APPEND, 0)
			require.NoError(t, err)
			_, err = file.WriteString("X")
			require.NoError(t, errors.Join(err, file.Close()))
		},
		"cut":     func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"removed": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			digest := blobOf("program")
			path := h.root + system.BlobDir + "/" + digest
			h.write(t, system.BlobDir+"/"+digest, "program")
			wanted := text("/etc/a", "x").WithBlobs(digest)
			s := h.locked(t)
			require.Empty(t, plan(t, s, wanted).Missing)
			damage(t, path)
			before := h.tree(t, "/")
			assert.Equal(t, map[string]int64{digest: 0}, plan(t, s, wanted).Missing)
			assert.Equal(t, before, h.tree(t, "/"), "a plan writes nothing")

			h.receive(t, digest, "program")
			_, err := h.apply(t.Context(), s, wanted, false)
			require.NoError(t, err, "in the same run")
			assert.Empty(t, plan(t, s, text("/etc/b", "x").WithBlobs(digest)).Missing)
		})
	}
}

func TestAnEditedProgramIsRepairedInOneRun(t *testing.T) {
	h := newHost(t)
	const path = "/usr/local/bin/runc"
	digest := blobOf("program")
	h.write(t, system.BlobDir+"/"+digest, "program")
	wanted := binary.New("m1", path, digest, "1.5.2")
	s := h.locked(t)
	_, err := h.apply(t.Context(), s, wanted, false)
	require.NoError(t, err)
	require.NoError(t, api.Commit.Do(t.Context(), s, api.Empty{}))
	require.NoError(t, s.Close())

	file, err := os.OpenFile(h.root+path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = file.WriteString("X")
	require.NoError(t, errors.Join(err, file.Close()))
	require.Equal(t, "programX", h.read(system.BlobDir+"/"+digest), "they are one file")

	s = h.locked(t)
	result := plan(t, s, wanted)
	require.Len(t, result.Items, 1)
	require.Equal(t, map[string]int64{digest: 0}, result.Missing)
	h.receive(t, digest, "program")
	_, err = h.apply(t.Context(), s, wanted, false)
	require.NoError(t, err)
	assert.Equal(t, "program", h.read(path))
	assert.Empty(t, plan(t, s, wanted).Items)
}

func TestADirectoryInTheWayIsAnErrorOfThePlan(t *testing.T) {
	h := newHost(t)
	require.NoError(t, os.MkdirAll(h.root+"/usr/local/bin/ctr", 0o755))
	result := plan(t, h.session(t, sessionOptions{}), binary.New("m1", "/usr/local/bin/ctr", blobOf("ctr"), "2.2.1"))
	require.Len(t, result.Items, 1)
	assert.Empty(t, result.Items[0].Changes)
	assert.ErrorContains(t, result.Items[0].Error, "/usr/local/bin/ctr is a directory: remove it")
}

func TestJournal(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	log, err := api.Journal.Call(t.Context(), s, api.JournalParams{Unit: "etcd.service", Lines: 20})
	require.NoError(t, err)
	assert.Contains(t, log.Lines[0], "--unit=etcd.service --lines=20")
	err = api.Journal.Do(t.Context(), s, api.JournalParams{Unit: "--rotate", Lines: 20})
	assert.Error(t, err)
}

func TestRosterIsTold(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	roster := facts.Roster{Hosts: []facts.RosterHost{{Name: "m1", Address: "10.0.0.1"}}}
	require.NoError(t, api.Roster.Do(t.Context(), s, roster))
	host, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	assert.Equal(t, &roster, host.Owned.Roster)
}
