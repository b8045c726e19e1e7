package provision_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/kube"
	"provision/provision/plan"
)

// wrote is an API with objects that were written through what goes.
type wrote struct {
	*fleettest.API
	asked *[2]int
}

func (w wrote) Leftovers(_ context.Context, after, upTo int) ([]kube.Leftover, error) {
	*w.asked = [2]int{after, upTo}
	return []kube.Leftover{{Deprecated: kube.Deprecated{Group: "batch", Version: "v1beta1", Resource: "cronjobs", Removed: "1.38"},
		Objects: []string{"a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7"}, Managers: []string{"helm"}}}, nil
}

func TestObjectsWrittenThroughWhatGoesAreWarnedOf(t *testing.T) {
	f, inv := formed(t, 1)
	have(t, f, "kube-apiserver@1.38.0")
	var asked [2]int
	through := func(o *provision.Options) { o.API = wrote{f.API, &asked} }
	p, err := look(t, f, versions(inv, "1.39.0", "3.7.3"), through)
	require.NoError(t, err)
	assert.Equal(t, [2]int{37, 39}, asked, "of all hops")
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "batch/v1beta1 cronjobs, gone in 1.38: a/1, a/2, a/3, a/4, a/5 and 2 more, by helm")
	asked = [2]int{}
	_, err = look(t, f, versions(inv, "1.37.2", "3.7.3"), through)
	require.NoError(t, err)
	assert.Zero(t, asked, "a patch release removes nothing")
}

// The second apply of an upgrade that a program stopped which does not come up
// must not take the next master along: one after the other they would be gone.
func TestAnUpgradeThatFailedDoesNotGoOnToTheNextMaster(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	newer := versions(inv, "1.37.2", "3.7.4")
	for _, unit := range []string{"etcd.service", "kube-apiserver.service"} {
		program := strings.TrimSuffix(unit, ".service")
		was := runs(f, "m2", program)
		require.NoError(t, f.Host("m1").Break(unit, "it does not come up"))
		for range 3 {
			_, err = apply(t, f, newer, unasked)
			require.ErrorContains(t, err, "steps failed")
			assert.NotEqual(t, was, runs(f, "m1", program))
			for _, host := range []string{"m2", "m3"} {
				assert.Equal(t, was, runs(f, host, program), "%s of %s", program, host)
				assert.Equal(t, "1.37.1", runs(f, host, "kubelet"))
			}
		}
		require.NoError(t, f.Host("m1").Break(unit, ""))
	}
	_, err = apply(t, f, newer, unasked)
	require.NoError(t, err)
	for _, host := range []string{"m1", "m2", "m3", "n1"} {
		assert.Equal(t, "1.37.2", runs(f, host, "kubelet"))
	}
}

// kubelets is an API that knows what kubelets said.
type kubelets struct {
	*fleettest.API
	said map[string]string
}

func (k kubelets) Status(context.Context) (kube.Status, error) {
	var status kube.Status
	for name, version := range k.said {
		status.Nodes = append(status.Nodes, kube.NodeStatus{Name: name, Kubelet: version})
	}
	return status, nil
}

func TestKubeletsOfSilentHostsCount(t *testing.T) {
	f, inv := formed(t, 1)
	f.Host("n1").Fail(sshtest.Refuse)
	newer := versions(inv, "1.38.0", "3.7.3")
	said := func(version string) func(*provision.Options) {
		return func(o *provision.Options) { o.API = kubelets{f.API, map[string]string{"n1": version, "m1": "1.30.0"}} }
	}
	_, err := look(t, f, newer, said("1.34.9"))
	require.ErrorContains(t, err, "kubelet 1.34.9 of n1 would be 4 minor releases older")
	_, err = look(t, f, newer, said("1.35.0"))
	require.NoError(t, err, "a dead worker holds up nobody as long as it may come back")
	_, err = look(t, f, versions(inv, "1.37.2", "3.7.3"), said("1.30.0"))
	require.NoError(t, err, "a patch release makes nothing worse")
}

func TestVersionsThatNoSnapshotPrecedes(t *testing.T) {
	f, inv := formed(t, 1)
	up := versions(inv, "1.37.2", "3.7.4")
	require.NoError(t, f.Host("m1").Break("etcd.service", "it does not come up"))
	_, err := apply(t, f, up, unasked)
	require.ErrorContains(t, err, "steps failed")
	require.Equal(t, "3.7.4", runs(f, "m1", "etcd"))
	require.NoError(t, f.Host("m1").Break("etcd.service", ""))

	_, err = look(t, f, versions(inv, "1.37.2", "3.8.0"))
	require.ErrorContains(t, err, "there would be no way back")
	p, err := look(t, f, inv)
	require.NoError(t, err, "it may be what fixes etcd")
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "versions change without a snapshot")
	for _, s := range p.Steps {
		assert.NotEqual(t, plan.SnapshotKind, s.Address.Kind)
	}
	_, err = apply(t, f, inv, unasked)
	require.NoError(t, err)
	assert.Equal(t, "3.7.3", runs(f, "m1", "etcd"))
}
