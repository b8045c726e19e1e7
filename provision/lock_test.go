package provision_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/plan"
)

// masters are a cluster of so many masters with etcd, and a node.
func masters(t *testing.T, count string) *inventory.Inventory {
	t.Helper()
	file := filepath.Join(t.TempDir(), "inventory.hcl")
	require.NoError(t, os.WriteFile(file, []byte(`cluster "dc3" { version = "1.37.1" }
ssh { user = "root" }
host "m[1-`+count+`]" {
  address = "10.200.0.[11-1`+count+`]"
  roles   = ["etcd", "master"]
}
host "n1" {
  address = "10.200.1.1"
  roles   = ["node"]
}
`), 0o600))
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: []string{file}})
	require.NoError(t, problems.Err())
	return inv
}

func TestOfEightOperatorsOneWrites(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	holding, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	first := f.Operator(inv)
	defer func() { assert.NoError(t, first.Close()) }()
	go func() {
		defer close(done)
		_, err := first.Apply(t.Context(), func(*plan.Plan) (bool, error) {
			close(holding)
			<-release
			return false, nil
		})
		assert.ErrorIs(t, err, provision.ErrDeclined)
	}()
	<-holding
	var all sync.WaitGroup
	for range 7 {
		all.Go(func() {
			_, err := apply(t, f, inv)
			var locked *provision.LockedError
			if assert.ErrorAs(t, err, &locked) {
				assert.Equal(t, "m1", locked.Host)
				assert.Contains(t, locked.Doing, "apply, plan ")
				assert.WithinDuration(t, time.Now(), locked.Since, time.Minute)
			}
		})
	}
	all.Wait()
	close(release)
	<-done
}

func TestLockedErrorSaysWhoWhatAndSinceWhen(t *testing.T) {
	since := time.Date(2026, 3, 1, 8, 30, 5, 0, time.Local)
	e := &provision.LockedError{Host: "m1", Holder: "ann@desk", Doing: "apply, plan 1a2b3c4d", Since: since, Silent: 8 * time.Second}
	assert.Equal(t, "cannot change host m1: ann@desk holds its lock since 2026-03-01 08:30:05 (apply, plan 1a2b3c4d), was last heard 8 s ago; "+
		"wait for that run to end. The lock of a run that died is free within seconds", e.Error())
	assert.Equal(t, "cannot change host m1: another operator holds its lock; wait for that run to end. The lock of a run that died is free within seconds",
		(&provision.LockedError{Host: "m1", Holder: "another operator", Silent: time.Second}).Error())
}

func TestARunNeedsMostOfTheHostsThatHoldTheLock(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	require.NoError(t, f.Host("m1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
	f.Host("m2").Fail(sshtest.Refuse)
	f.Host("m3").Fail(sshtest.Refuse)
	_, err = apply(t, f, inv)
	require.ErrorContains(t, err, `cannot change cluster "dc3": 2 of its 3 masters and etcd hosts are skipped (m2, m3)`)
	require.ErrorContains(t, err, "--allow-minority")
	assert.Equal(t, "by hand\n", f.Host("m1").Read("/etc/haproxy/haproxy.cfg"), "nothing was changed")
	_, err = apply(t, f, inv, func(o *provision.Options) { o.AllowMinority = true })
	require.ErrorContains(t, err, "host m2 was skipped")
	assert.NotEqual(t, "by hand\n", f.Host("m1").Read("/etc/haproxy/haproxy.cfg"), "who says so repairs what is left")
	f.Host("m2").Fail(sshtest.None)
	require.NoError(t, f.Host("m1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
	_, err = apply(t, f, inv)
	require.ErrorContains(t, err, "host m3 was skipped")
	assert.NotEqual(t, "by hand\n", f.Host("m1").Read("/etc/haproxy/haproxy.cfg"), "two of three are most")
}

func TestNewMastersDoNotOutvoteThoseThatWereThere(t *testing.T) {
	three := masters(t, "3")
	f := boot(t, three, fleettest.Options{})
	_, err := apply(t, f, three)
	require.NoError(t, err)
	f.Host("m1").Fail(sshtest.Refuse)
	f.Host("m2").Fail(sshtest.Refuse)
	five := masters(t, "5")
	require.NoError(t, f.Boot(five))
	_, err = apply(t, f, five)
	require.ErrorContains(t, err, "2 of its 3 masters and etcd hosts are skipped (m1, m2)", "m3, m4, m5 are most of five, but not of the three that were there")
}

func TestARunThatLosesTheClustersLockStops(t *testing.T) {
	inv := masters(t, "3")
	var f *fleettest.Fleet
	var cut atomic.Bool
	f = boot(t, inv, fleettest.Options{Point: func(host, point string) {
		if host == "m3" && point == `applied file["/etc/haproxy/haproxy.cfg"]` && cut.CompareAndSwap(false, true) {
			f.Host("m1").Hangup()
			f.Host("m2").Hangup()
		}
	}})
	outcome, err := apply(t, f, inv)
	require.ErrorContains(t, err, "lost the cluster's lock with host m")
	require.ErrorContains(t, err, "it may not have heard this run for 10 s")
	require.True(t, cut.Load())
	assert.NotEmpty(t, outcome.Result.Skipped, "nothing new is begun")
	require.Eventually(t, func() bool {
		_, err = apply(t, f, inv)
		return err == nil
	}, 2*time.Minute, 100*time.Millisecond)
	last, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, last.Empty(), "%+v", last.Steps)
}
