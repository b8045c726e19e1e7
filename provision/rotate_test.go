package provision_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/pki"
	"provision/provision/plan"
)

// rotate goes on with a rotation.
func rotate(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, r provision.Rotation, tune ...func(*provision.Options)) (*provision.Rotated, error) {
	t.Helper()
	o := f.Operator(inv, append([]func(*provision.Options){unprobe}, tune...)...)
	done, err := o.Rotate(t.Context(), r, yes)
	require.NoError(t, o.Close())
	return done, err
}

// answering is a cluster whose member of etcd says that it is there.
func answering(t *testing.T, nodes int) (*fleettest.Fleet, *inventory.Inventory) {
	t.Helper()
	f, inv := formed(t, nodes)
	f.API.SetEtcdIDs(map[string]uint64{"m1": 0xe7cd})
	return f, inv
}

func heldItem(f *fleettest.Fleet, host, item string) string {
	return f.Host(host).Read(system.IdentityDir + "/" + item)
}

// nothingLeft checks that a rotation is over on all hosts.
func nothingLeft(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) {
	t.Helper()
	for _, h := range inv.Hosts {
		for _, item := range []string{system.ClusterCA, system.EtcdCA, system.FrontProxyCA, system.ServicePub} {
			assert.Len(t, pki.Blocks([]byte(heldItem(f, h.Name, item))), 1, "%s on %s", item, h.Name)
		}
	}
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%v", p.Steps)
}

func TestRotatedAuthoritiesAndKeysAreOthers(t *testing.T) {
	tests := map[string]struct{ item, public, copy string }{
		"cluster":         {system.ClusterKey, system.ClusterCA, "/etc/kubernetes/pki/ca.crt"},
		"etcd":            {system.EtcdKey, system.EtcdCA, "/etc/etcd/pki/ca.crt"},
		"front-proxy":     {system.FrontProxyKey, system.FrontProxyCA, "/etc/kubernetes/pki/front-proxy-ca.crt"},
		"service-account": {system.ServiceKey, system.ServicePub, "/etc/kubernetes/pki/sa.pub"},
		"encryption":      {system.Encryption, "", "/etc/kubernetes/encryption.yaml"},
	}
	f, inv := answering(t, 1)
	for name, test := range tests {
		key, public, was := heldItem(f, "m1", test.item), heldItem(f, "m1", test.public), f.Host("m1").Read(test.copy)
		done, err := rotate(t, f, inv, provision.Rotation{Name: name, Hurry: true})
		require.NoError(t, err, name)
		assert.True(t, done.Done, name)
		assert.NotEqual(t, key, heldItem(f, "m1", test.item), name)
		assert.NotEqual(t, was, f.Host("m1").Read(test.copy), name)
		if test.public != "" {
			assert.NotEqual(t, public, heldItem(f, "m1", test.public), name)
			assert.Equal(t, heldItem(f, "m1", test.public), f.Host("m1").Read(test.copy), name)
		}
		assert.Subset(t, f.API.Turns(), []string{test.item + " announced", test.item + " signing", test.item + " dropped", test.item + " "})
	}
	nothingLeft(t, f, inv)
	for _, one := range certificates(t, f, inv).Certificates {
		assert.Equal(t, provision.CertValid, one.State, "%+v", one)
	}
	_, err := rotate(t, f, inv, provision.Rotation{Name: "what"})
	require.ErrorContains(t, err, "must be one of")
}

func TestARotationWaitsForClientsAndAnApplyKeepsItsPhase(t *testing.T) {
	f, inv, c := grown(t, 1)
	f.API.SetEtcdIDs(map[string]uint64{"m1": 0xe7cd})
	early := func(o *provision.Options) { // the hosts' clocks count
		o.Now = func() time.Time { return c.now.Add(time.Hour) }
	}
	old := heldItem(f, "m1", system.ClusterCA)
	for _, phase := range []string{pki.Trusted, pki.Signed} {
		for range 2 {
			got, err := rotate(t, f, inv, provision.Rotation{Name: "cluster"}, early)
			require.NoError(t, err)
			assert.False(t, got.Done)
			assert.Equal(t, phase, got.Phase)
			assert.False(t, got.Until.IsZero())
			outcome, err := apply(t, f, inv)
			require.NoError(t, err)
			assert.True(t, outcome.Plan.Empty(), "%v", outcome.Plan.Steps)
			assert.Len(t, pki.Blocks([]byte(f.Host("n1").Read("/etc/kubernetes/pki/ca.crt"))), 2, "both are trusted")
			assert.Len(t, pki.Blocks([]byte(f.Host("m1").Read("/etc/kubernetes/pki/ca-signing.crt"))), 1, "one signs")
		}
		_, err := rotate(t, f, inv, provision.Rotation{Name: "etcd"}, early)
		require.ErrorContains(t, err, "finish it first")
		c.now = c.now.Add(11 * time.Minute)
	}
	got, err := rotate(t, f, inv, provision.Rotation{Name: "cluster"}, early)
	require.NoError(t, err)
	assert.True(t, got.Done)
	assert.NotEqual(t, old, heldItem(f, "n1", system.ClusterCA))
	nothingLeft(t, f, inv)
}

func TestARotationIsNotBegunWhereOthersWouldBreak(t *testing.T) {
	f, inv := answering(t, 2)
	require.NoError(t, f.Host("n1").Write("/etc/kubernetes/kubelet.yaml", "changed by hand"))
	_, err := rotate(t, f, inv, provision.Rotation{Name: "etcd"})
	require.ErrorContains(t, err, "see provision plan, then apply")
	_, err = apply(t, f, inv)
	require.NoError(t, err)

	f.API.SetEtcdIDs(map[string]uint64{})
	_, err = rotate(t, f, inv, provision.Rotation{Name: "etcd"})
	require.ErrorContains(t, err, "etcd's member on m1 does not answer")
	f.API.SetEtcdIDs(map[string]uint64{"m1": 0xe7cd})

	f.Host("n2").Fail(sshtest.Refuse)
	_, err = rotate(t, f, inv, provision.Rotation{Name: "etcd"})
	require.ErrorContains(t, err, "host n2 was skipped")
	f.Host("n2").Fail(sshtest.None)
	nothingLeft(t, f, inv)
}

// A rotation that is killed goes on where it was, whether with the same command
// or after an apply.
func TestARotationCanBeKilledAnywhere(t *testing.T) {
	points := []string{
		"rotated cluster.key announced", "committing m1", "committed m1", "committing n1", "committed n1",
		"rotating cluster.key signing", "rotated cluster.key signing", "committed m1", "committing n1", "rotated cluster.key ",
	}
	f, inv := answering(t, 2)
	seen := map[string]int{}
	for _, where := range points {
		seen[where]++
		turn, left := seen[where], seen[where]
		ctx, kill := context.WithCancel(t.Context())
		o := f.Operator(inv, unprobe, func(o *provision.Options) {
			o.Point = func(name string) {
				if name != where {
					return
				}
				if left--; left == 0 {
					kill()
					for _, h := range inv.Hosts {
						f.Host(h.Name).Hangup()
					}
				}
			}
		})
		_, err := o.Rotate(ctx, provision.Rotation{Name: "cluster", Hurry: true}, yes)
		kill()
		require.Error(t, err, "%s, time %d", where, turn)
		require.NoError(t, o.Close())
		f.Quiet()
		if turn%2 == 0 {
			_, err = apply(t, f, inv, unprobe)
			require.NoError(t, err, "an apply after %s, time %d", where, turn)
		}
		done, err := rotate(t, f, inv, provision.Rotation{Name: "cluster", Hurry: true})
		require.NoError(t, err, "%s, time %d", where, turn)
		require.True(t, done.Done)
		nothingLeft(t, f, inv)
	}
}

// Somebody, or something, may change a host all the time.
func TestARotationDoesNotMakeHostsEqualForEver(t *testing.T) {
	f, inv := answering(t, 1)
	files := []string{"/etc/kubernetes/kubelet.yaml", "/etc/kubernetes/kube-proxy.yaml"}
	o := f.Operator(inv, unprobe)
	asked := 0
	begun, err := o.Rotate(t.Context(), provision.Rotation{Name: "etcd"}, func(p *plan.Plan) (bool, error) {
		asked++
		for i, file := range files { // the one that this plan does not fix
			if !strings.Contains(fmt.Sprint(p.Steps), file) {
				return true, f.Host("n1").Write(files[i], "changed by hand")
			}
		}
		return true, nil
	})
	require.NoError(t, o.Close())
	require.ErrorContains(t, err, "keep differing from the inventory")
	assert.Equal(t, pki.Announced, begun.Phase)
	assert.Equal(t, 5, asked)
	done, err := rotate(t, f, inv, provision.Rotation{Name: "etcd"})
	require.NoError(t, err)
	assert.True(t, done.Done)
	nothingLeft(t, f, inv)
}

// Hosts that join in the middle get what is under way, those that hold keys too.
func TestHostsJoinInTheMiddleOfARotation(t *testing.T) {
	inv, more := load(t, "dc1", 1), load(t, "dc1", 2)
	f := boot(t, more, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.SetEtcdIDs(map[string]uint64{"m1": 0xe7cd})
	for _, name := range []string{"encryption", "cluster"} {
		got, err := rotate(t, f, inv, provision.Rotation{Name: name})
		require.NoError(t, err)
		require.Equal(t, name == "encryption", got.Done)
	}
	_, err = apply(t, f, more, unprobe)
	require.NoError(t, err)
	assert.Equal(t, heldItem(f, "m1", system.ClusterCA), heldItem(f, "n2", system.ClusterCA))
	assert.Len(t, pki.Blocks([]byte(f.Host("n2").Read("/etc/kubernetes/pki/ca.crt"))), 2, "both are trusted")
	done, err := rotate(t, f, more, provision.Rotation{Name: "cluster", Hurry: true})
	require.NoError(t, err)
	assert.True(t, done.Done)
	nothingLeft(t, f, more)
}

// nearItsEnd is a cluster whose authorities end in 200 days.
func nearItsEnd(t *testing.T) (*fleettest.Fleet, *inventory.Inventory, *clock) {
	t.Helper()
	f, inv, c := grown(t, 1)
	f.API.SetEtcdIDs(map[string]uint64{"m1": 0xe7cd})
	c.pass(3450)
	_, err := apply(t, f, inv, unprobe)
	require.NoError(t, err)
	return f, inv, c
}

// An authority can end while it waits to be replaced.
func TestAnAuthorityThatEndsInTheMiddleOfItsRotationIsRenewed(t *testing.T) {
	f, inv, c := nearItsEnd(t)
	got, err := rotate(t, f, inv, provision.Rotation{Name: "cluster"})
	require.NoError(t, err)
	require.Equal(t, pki.Trusted, got.Phase)
	c.pass(201)
	_, err = look(t, f, inv)
	require.ErrorContains(t, err, `authority "cluster" of cluster "dc1" expired on`)
	due, err := renewAuthorities(t, f, inv)
	require.NoError(t, err)
	require.Len(t, due, 3)
	_, err = apply(t, f, inv, unprobe, renewing(provision.Renewal{}))
	require.NoError(t, err)
	assert.Len(t, pki.Blocks([]byte(f.Host("n1").Read("/etc/kubernetes/pki/ca.crt"))), 2)
	for range 2 {
		got, err = rotate(t, f, inv, provision.Rotation{Name: "cluster"})
		require.NoError(t, err)
		c.now = c.now.Add(time.Hour)
	}
	assert.True(t, got.Done)
	nothingLeft(t, f, inv)
}

// Who missed a phase would refuse a part of it; the rest of the cluster cannot
// wait for that.
func TestAuthoritiesAreRenewedAlthoughAHostMissedAPhase(t *testing.T) {
	f, inv, c := nearItsEnd(t)
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	o := f.Operator(inv, unprobe, func(o *provision.Options) {
		o.Point = func(name string) {
			if name == "committed m1" {
				kill()
				f.Host("m1").Hangup()
				f.Host("n1").Hangup()
			}
		}
	})
	_, err := o.Rotate(ctx, provision.Rotation{Name: "etcd"}, yes)
	require.Error(t, err)
	require.NoError(t, o.Close())
	f.Quiet()
	c.pass(201)
	_, err = renewAuthorities(t, f, inv)
	require.NoError(t, err)
	_, err = apply(t, f, inv, unprobe, renewing(provision.Renewal{}))
	require.NoError(t, err)
	done, err := rotate(t, f, inv, provision.Rotation{Name: "etcd"})
	require.NoError(t, err)
	assert.True(t, done.Done)
	nothingLeft(t, f, inv)
}

func TestStatusTellsOfRotationsThatAreUnderWay(t *testing.T) {
	f, inv, c := nearItsEnd(t)
	assert.Empty(t, certificates(t, f, inv).Rotations)
	_, err := rotate(t, f, inv, provision.Rotation{Name: "cluster"})
	require.NoError(t, err)
	begun := c.now.UTC()
	found := certificates(t, f, inv)
	require.Equal(t, []provision.Turning{{Name: "cluster", Phase: pki.Trusted, Means: found.Rotations[0].Means, Since: begun, Until: begun.Add(10 * time.Minute),
		Command: "provision certs rotate-ca cluster"}}, found.Rotations)
	renews := map[string]int{}
	for _, one := range found.Certificates {
		if one.Authority == "cluster" {
			renews[one.Renews]++
		}
	}
	assert.Equal(t, map[string]int{provision.ByRenew: 1, provision.ByRotate: 1}, renews)
	c.pass(1)
	found = certificates(t, f, inv)
	assert.Zero(t, found.Rotations[0].Until, "it can go on")
	_, err = rotate(t, f, inv, provision.Rotation{Name: "cluster", Hurry: true})
	require.NoError(t, err)
	assert.Empty(t, certificates(t, f, inv).Rotations)
}
