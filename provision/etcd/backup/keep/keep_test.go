package keep_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/keep"
)

const (
	ours   = "0c8a4c1e-7a0f-4d5b-9e57-3b1f5c2d4e6f"
	theirs = "11111111-7a0f-4d5b-9e57-3b1f5c2d4e6f"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func made(cluster string, slot time.Time, revision int64, good bool, escrow ...backup.Escrow) []keep.Object {
	m := &backup.Manifest{Cluster: cluster, Slot: slot, Revision: revision, Host: "m1", Escrow: escrow, Checked: &backup.Checked{}}
	if good {
		m.Verified = &slot
	}
	return []keep.Object{
		{Name: backup.ManifestObject(cluster, m.Name()), Modified: slot, Manifest: m},
		{Name: backup.SnapshotObject(cluster, m.Name()), Modified: slot},
	}
}

func key(n int) backup.Escrow {
	return backup.Escrow{Item: "encryption.yaml", Hash: fmt.Sprintf("%064x", n)}
}

func TestWhatStays(t *testing.T) {
	var objects []keep.Object
	for hours := range 24 * 90 {
		if hours%6 == 0 {
			objects = append(objects, made(ours, now.Add(-time.Duration(hours)*time.Hour), int64(10000-hours), true)...)
		}
	}
	d := keep.Decide(keep.Input{Cluster: ours, Objects: objects, Now: now, Policy: keep.Policy{Last: 4, Daily: 7, Weekly: 4, Monthly: 3}})
	gone := map[string]bool{}
	for _, name := range d.Delete {
		gone[name] = true
	}
	var stays []string
	for _, o := range objects {
		if !gone[o.Name] && strings.HasSuffix(o.Name, ".json") {
			stays = append(stays, o.Manifest.Slot.Format("01-02T15"))
		}
	}
	assert.Equal(t, []string{
		"11-29T12", "11-29T06", "11-29T00", "11-28T18", // last 4; 11-28T18 is the day's, too
		"11-27T18", "11-26T18", "11-25T18", "11-24T18", "11-23T18", // days
		"11-22T18", "11-15T18", "11-08T18", // weeks end on Sunday
		"10-31T18", "09-30T18", // months
	}, stays)
	assert.Empty(t, d.Held)
}

func TestNothingGoesWhileTheNewestDoesNotCount(t *testing.T) {
	objects := append(made(ours, now, 9, false), made(ours, now.Add(-time.Hour), 8, true)...)
	objects = append(objects, made(ours, now.Add(-2*time.Hour), 7, true)...)
	d := keep.Decide(keep.Input{Cluster: ours, Objects: objects, Now: now, Policy: keep.Policy{Last: 1}})
	assert.Empty(t, d.Delete)
	assert.Contains(t, d.Held, "is not verified")
	// The same slot by another host counts.
	objects = append(objects, made(ours, now, 10, true)...)
	d = keep.Decide(keep.Input{Cluster: ours, Objects: objects, Now: now, Policy: keep.Policy{Last: 1}})
	assert.Len(t, d.Delete, 4, "the failed one is shown")
}

func TestOneThatWasSeenBadDoesNotCount(t *testing.T) {
	objects := append(made(ours, now, 9, true), made(ours, now.Add(-time.Hour), 8, true)...)
	objects[0].Manifest.Bad = "0 bytes"
	d := keep.Decide(keep.Input{Cluster: ours, Objects: objects, Now: now, Policy: keep.Policy{Last: 1}})
	assert.Empty(t, d.Delete)
}

func TestOneThatDoesNotCountIsSeenForAWeek(t *testing.T) {
	objects := append(made(ours, now, 9, true), made(ours, now.Add(-time.Hour), 8, false)...)
	objects = append(objects, made(ours, now.Add(-8*24*time.Hour), 7, false)...)
	d := keep.Decide(keep.Input{Cluster: ours, Objects: objects, Now: now, Policy: keep.Policy{Last: 1}})
	assert.Equal(t, []string{objects[4].Name, objects[5].Name}, d.Delete)
}

// Whatever lies there, and whatever the policy: these hold.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := keep.Input{Cluster: ours, Now: now, Unreadable: rapid.Bool().Draw(t, "unreadable"), Policy: keep.Policy{
			Last: rapid.IntRange(-1, 5).Draw(t, "last"), Hourly: rapid.IntRange(-1, 5).Draw(t, "hourly"), Daily: rapid.IntRange(0, 5).Draw(t, "daily"),
			Weekly: rapid.IntRange(0, 5).Draw(t, "weekly"), Monthly: rapid.IntRange(0, 5).Draw(t, "monthly"),
		}}
		for i := range rapid.IntRange(0, 30).Draw(t, "objects") {
			cluster := rapid.SampledFrom([]string{ours, ours, ours, theirs}).Draw(t, "cluster")
			slot := now.Add(time.Duration(rapid.IntRange(-4000, 10).Draw(t, "hour")) * time.Hour)
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				in.Objects = append(in.Objects, keep.Object{Name: rapid.SampledFrom([]string{"etc/passwd", ours, ours + "/x", ours + "/../" + ours, "/"}).Draw(t, "foreign"), Modified: slot})
			case 1:
				e := key(rapid.IntRange(0, 4).Draw(t, "key"))
				in.Objects = append(in.Objects, keep.Object{Name: backup.EscrowObject(cluster, e), Modified: slot})
			case 2:
				in.Objects = append(in.Objects, made(cluster, slot, int64(i+1), true)[1]) // no manifest
			default:
				in.Objects = append(in.Objects, made(cluster, slot, int64(i+1), rapid.Bool().Draw(t, "good"), key(rapid.IntRange(0, 4).Draw(t, "names")))...)
			}
		}
		d := keep.Decide(in)
		check(t, in, d)
	})
}

func check(t *rapid.T, in keep.Input, d keep.Decision) {
	gone := map[string]bool{}
	for _, name := range d.Delete {
		gone[name] = true
		assert.True(t, strings.HasPrefix(name, ours+"/") && backup.ParseObject(name).Kind != backup.Foreign, "only objects of this cluster: %s", name)
	}
	var newest, newestGood string
	for _, o := range in.Objects {
		if o.Manifest == nil || o.Manifest.Cluster != ours {
			continue
		}
		newest = max(newest, o.Name)
		if o.Manifest.Good() {
			newestGood = max(newestGood, o.Name)
		}
	}
	assert.False(t, newestGood != "" && gone[newestGood], "the newest verified one stays")
	assert.False(t, newestGood == "" && len(gone) > 0, "nothing goes without a verified one")
	assert.False(t, len(gone) > 0 && newest[:len(ours)+17] != newestGood[:len(ours)+17], "nothing goes while the newest slot failed")
	for _, o := range in.Objects {
		if o.Manifest == nil || o.Manifest.Cluster != ours {
			continue
		}
		assert.Equal(t, gone[o.Name], gone[backup.SnapshotObject(ours, o.Manifest.Name())], "content and manifest go together")
		for _, e := range o.Manifest.Escrow {
			assert.False(t, !gone[o.Name] && gone[backup.EscrowObject(ours, e)], "a key that a backup needs stays")
		}
	}
	again := in
	again.Objects = nil
	for _, o := range in.Objects {
		if !gone[o.Name] {
			again.Objects = append(again.Objects, o)
		}
	}
	assert.Empty(t, keep.Decide(again).Delete, "what stays, stays")
}
