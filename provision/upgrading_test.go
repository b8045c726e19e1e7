package provision_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/kube"
	"provision/provision/plan"
	"provision/provision/resource"
)

// versions is the inventory with other versions.
func versions(inv *inventory.Inventory, kubernetes, etcd string, tune ...func(*inventory.Cluster)) *inventory.Inventory {
	return edit(inv, func(i *inventory.Inventory) {
		i.Cluster.Versions = i.Cluster.Versions.With("kubernetes", kubernetes).With("etcd", etcd)
		for _, t := range tune {
			t(&i.Cluster)
		}
	})
}

// runs is the version of a program that a host has.
func runs(f *fleettest.Fleet, host, program string) string {
	_, rest, _ := strings.Cut(f.Host(host).Read("/usr/local/bin/"+program), "@")
	version, _, _ := strings.Cut(rest, "/")
	return version
}

func have(t *testing.T, f *fleettest.Fleet, list ...string) {
	t.Helper()
	for _, text := range list {
		name, version, _ := strings.Cut(text, "@")
		_, err := f.Artifacts.Resolve(bundle.Ref{Name: name, Version: version, Arch: "amd64"})
		require.NoError(t, err)
	}
}

// ungated is a component of hosts on which nothing answers.
type ungated struct{ component.Component }

func (ungated) Gate() component.Gate { return component.Gate{} }

func (u ungated) Tier() component.Tier {
	if tiered, ok := u.Component.(component.Tiered); ok {
		return tiered.Tier()
	}
	return 0
}

func (u ungated) Clients() []component.Client {
	if client, ok := u.Component.(component.APIClient); ok {
		return client.Clients()
	}
	return nil
}

func (u ungated) Clusterwide(c *component.Cluster) (component.Wide, error) {
	if clusterwide, ok := u.Component.(component.Clusterwide); ok {
		return clusterwide.Clusterwide(c)
	}
	return component.Wide{}, nil
}

func (u ungated) Learn(ctx context.Context, c *component.Cluster, ask component.Ask) (component.Lesson, error) {
	if learner, ok := u.Component.(component.Learner); ok {
		return learner.Learn(ctx, c, ask)
	}
	return component.Lesson{}, nil
}

func unasked(options *provision.Options) {
	for i, c := range options.Components {
		options.Components[i] = ungated{c}
	}
}

func TestApplyWalksHopByHop(t *testing.T) {
	f, inv := formed(t, 1)
	have(t, f, "kube-apiserver@1.38.0", "kube-apiserver@1.38.2", "kube-apiserver@1.39.1", "etcd@3.8.1")
	target := versions(inv, "1.40.0", "3.9.0", func(c *inventory.Cluster) { c.Via = []string{"1.39.0"} })

	p, err := look(t, f, target)
	require.NoError(t, err)
	var way []string
	for _, hop := range p.Hops {
		way = append(way, hop.Kubernetes+" "+hop.Etcd)
		assert.Empty(t, hop.Missing)
	}
	assert.Equal(t, []string{"1.38.2 3.8.1", "1.39.0 3.9.0", "1.40.0 3.9.0"}, way)

	var asked []string
	o := f.Operator(target, unasked)
	defer o.Close()
	outcome, err := o.Apply(t.Context(), func(p *plan.Plan) (bool, error) {
		asked = append(asked, runs(f, "m1", "kube-apiserver"))
		return true, nil
	})
	require.NoError(t, err)
	assert.Empty(t, outcome.Plan.Hops)
	assert.Equal(t, []string{"1.37.1", "1.38.2", "1.39.0"}, asked, "each hop begins when the one before is done, and is asked for")
	for _, host := range []string{"m1", "n1"} {
		assert.Equal(t, "1.40.0", runs(f, host, "kubelet"), host)
	}
	assert.Equal(t, "3.9.0", runs(f, "m1", "etcd"))
	again, err := apply(t, f, target, unasked)
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "%+v", again.Plan.Steps)
}

func TestEtcdIsKeptBeforeTheControlPlaneIsUpgraded(t *testing.T) {
	f, inv := formed(t, 1)
	target := versions(inv, "1.37.2", inv.Cluster.Versions.Etcd())
	p, err := look(t, f, target)
	require.NoError(t, err)
	kept := resource.Address{Host: "m1", Kind: plan.SnapshotKind, Name: "before Kubernetes 1.37.2 and etcd 3.7.3"}
	for _, s := range p.Steps {
		if s.Address.Host == "m1" && strings.Contains(s.Address.Name, "kube-apiserver") {
			assert.Contains(t, s.Requires, kept, "%s", s.Address)
		}
	}
	_, err = apply(t, f, target, unasked)
	require.NoError(t, err)
	entries, err := os.ReadDir(f.Host("m1").Root + system.SnapshotDir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.True(t, strings.HasPrefix(entries[0].Name(), "before-1.37.2-etcd-3.7.3-"), entries[0].Name())
	again, err := apply(t, f, target, unasked)
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "%+v", again.Plan.Steps)

	onlyNodes := versions(inv, "1.37.2", inv.Cluster.Versions.Etcd(), func(c *inventory.Cluster) { c.Versions = c.Versions.With("kubelet", "1.37.1") })
	p, err = look(t, f, onlyNodes)
	require.NoError(t, err)
	for _, s := range p.Steps {
		assert.NotEqual(t, plan.SnapshotKind, s.Address.Kind, "Nodes have nothing to do with etcd")
	}
}

func TestAnUpgradeGoesOnWhereItWasDeclined(t *testing.T) {
	f, inv := formed(t, 1)
	have(t, f, "kube-apiserver@1.38.2", "kube-apiserver@1.39.1")
	target := versions(inv, "1.40.0", inv.Cluster.Versions.Etcd())
	o := f.Operator(target, unasked)
	defer o.Close()
	hops := 0
	_, err := o.Apply(t.Context(), func(*plan.Plan) (bool, error) { hops++; return hops < 2, nil })
	require.ErrorIs(t, err, provision.ErrDeclined)
	assert.Equal(t, "1.38.2", runs(f, "n1", "kubelet"))
	p, err := look(t, f, target)
	require.NoError(t, err)
	require.Len(t, p.Hops, 2)
	assert.Equal(t, "1.39.1", p.Hops[0].Kubernetes)
}

func TestWhatVersionsMayNotDoIsRefused(t *testing.T) {
	f, inv := formed(t, 1)
	etcd := inv.Cluster.Versions.Etcd()
	for name, c := range map[string]struct {
		target *inventory.Inventory
		says   string
	}{
		"a control plane back":        {versions(inv, "1.36.4", etcd), "cannot downgrade a control plane"},
		"etcd back":                   {versions(inv, inv.Cluster.Versions.Kubernetes(), "3.6.5"), "etcd does not start on data of a newer minor release"},
		"a way that nobody knows":     {versions(inv, "1.39.0", etcd), "the store has none of 1.38"},
		"kubelets before API servers": {versions(inv, inv.Cluster.Versions.Kubernetes(), etcd, func(c *inventory.Cluster) { c.Versions = c.Versions.With("kubelet", "1.38.0") }), "would be newer than an API server"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := look(t, f, c.target)
			require.ErrorContains(t, err, c.says)
			_, err = apply(t, f, c.target, unasked)
			require.ErrorContains(t, err, c.says)
			assert.Equal(t, inv.Cluster.Versions.Kubernetes(), runs(f, "m1", "kube-apiserver"))
		})
	}
}

func TestNodesGoBackAloneAndPatchReleasesTogether(t *testing.T) {
	f, inv := formed(t, 1)
	up := versions(inv, "1.37.2", "3.7.4")
	_, err := apply(t, f, up, unasked)
	require.NoError(t, err)
	assert.Equal(t, "1.37.2", runs(f, "n1", "kubelet"))
	p, err := look(t, f, inv)
	require.NoError(t, err)
	var texts []string
	for _, s := range p.Steps {
		for _, c := range s.Changes {
			texts = append(texts, s.Address.String()+" "+c.Old)
		}
	}
	assert.Contains(t, strings.Join(texts, "\n"), `m1/binary["/usr/local/bin/kube-apiserver"] 1.37.2 (sha256:`, "the plan names the version that is there")
	_, err = apply(t, f, inv, unasked)
	require.NoError(t, err)
	assert.Equal(t, "1.37.1", runs(f, "m1", "kube-apiserver"))
	assert.Equal(t, "3.7.3", runs(f, "m1", "etcd"))

	back := versions(inv, "1.37.1", "3.7.3", func(c *inventory.Cluster) { c.Versions = c.Versions.With("kubelet", "1.36.4") })
	_, err = apply(t, f, back, unasked)
	require.NoError(t, err)
	assert.Equal(t, "1.36.4", runs(f, "n1", "kubelet"))
	assert.Equal(t, "1.37.1", runs(f, "m1", "kube-scheduler"))
}

// removing is an API some of whose masters were asked for what goes.
type removing struct {
	*fleettest.API
	used map[string][]kube.Deprecated
}

func (r removing) Deprecated(context.Context) (map[string][]kube.Deprecated, error) {
	return r.used, nil
}

func TestAPIsThatGoAreWarnedOf(t *testing.T) {
	f, inv := formed(t, 1)
	in := func(release string) kube.Deprecated {
		return kube.Deprecated{Group: "batch", Version: "v1beta1", Resource: "jobs" + release, Removed: release}
	}
	asked := func(o *provision.Options) {
		o.API = removing{f.API, map[string][]kube.Deprecated{"m1": {in("1.38"), in("1.39"), in("")}}}
	}
	p, err := look(t, f, versions(inv, "1.38.0", "3.7.3"), asked)
	require.NoError(t, err)
	text := strings.Join(p.Warnings, "\n")
	assert.Contains(t, text, "batch/v1beta1 jobs1.38, gone in 1.38 (requests to m1")
	assert.NotContains(t, text, "jobs1.39", "it stays for now")
	p, err = look(t, f, versions(inv, "1.37.2", "3.7.3"), asked)
	require.NoError(t, err)
	assert.NotContains(t, strings.Join(p.Warnings, "\n"), "jobs", "a patch release removes nothing")
}

func TestArtifactsOfTheWholeWayAreNeeded(t *testing.T) {
	_, inv := formed(t, 1)
	inv = versions(inv, "1.37.1", "3.7.3", func(c *inventory.Cluster) {
		c.Via = []string{"1.36.4", "3.6.5"}
		c.Versions = c.Versions.With("kubelet", "1.36.4")
	})
	var stops []string
	for _, stop := range provision.Stops(inv) {
		v := stop.Cluster.Versions
		stops = append(stops, v.Kubernetes()+" "+v.Nodes()+" "+v.Etcd())
	}
	assert.Equal(t, []string{"1.37.1 1.36.4 3.7.3", "1.36.4 1.36.4 3.7.3", "1.37.1 1.36.4 3.6.5"}, stops)
}

// A master that left the inventory runs on until it is removed.
func TestVersionsStayWhileAMasterThatLeftDoesNotAnswer(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Host("m3").Fail(sshtest.Refuse)
	f.Host("n1").Fail(sshtest.Refuse)
	newer := without(versions(inv, "1.37.2", "3.7.4"), "m3", "n1")
	_, err = look(t, f, newer)
	require.ErrorContains(t, err, "cannot change versions while m3 is skipped", "a worker that left holds up nobody")
}

func TestVersionsStayWhileAMasterTakesNoPart(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	newer := versions(inv, "1.37.2", "3.7.4")

	f.Host("m2").Fail(sshtest.Refuse)
	_, err = apply(t, f, newer, unasked)
	require.ErrorContains(t, err, "cannot change versions while m2 is skipped")
	assert.Equal(t, "1.37.1", runs(f, "m1", "kube-apiserver"))
	f.Host("m2").Fail(sshtest.None)

	f.Host("n1").Fail(sshtest.Refuse)
	p, err := look(t, f, newer)
	require.NoError(t, err)
	var keep []string
	for _, s := range p.Steps {
		if s.Address.Kind == plan.SnapshotKind {
			keep = append(keep, s.Address.Host)
		}
	}
	assert.Equal(t, []string{"m1", "m2"}, keep, "on two etcd hosts")
	_, err = apply(t, f, newer, unasked)
	require.ErrorContains(t, err, "host n1 was skipped", "a worker holds up nobody")
	assert.Equal(t, "1.37.2", runs(f, "m3", "kubelet"))
	f.Host("n1").Fail(sshtest.None)
	_, err = apply(t, f, newer, unasked)
	require.NoError(t, err)
	assert.Equal(t, "1.37.2", runs(f, "n1", "kubelet"))
}

func TestAnUpgradeThatIsCutOffGoesOn(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	have(t, f, "kube-apiserver@1.38.0")
	target := versions(inv, "1.39.0", "3.8.0")
	for _, at := range []string{`done m2/unit["etcd.service"]`, `step m2/binary["/usr/local/bin/kube-apiserver"]`,
		`done m2/unit["kube-apiserver.service"]`, `done m3/unit["kube-scheduler.service"]`, `done m2/unit["kubelet.service"]`} {
		ctx, cut := context.WithCancel(t.Context())
		o := f.Operator(target, unasked, func(o *provision.Options) {
			o.Point = func(name string) {
				if name == at {
					cut()
				}
			}
		})
		_, err := o.Apply(ctx, yes)
		require.ErrorIs(t, err, context.Canceled, at)
		require.NoError(t, o.Close())
		for _, host := range []string{"m1", "m2", "m3", "n1"} {
			assert.NotEqual(t, "1.39.0", runs(f, host, "kubelet"), "no hop is left out")
		}
	}
	_, err = apply(t, f, target, unasked)
	require.NoError(t, err)
	for _, host := range []string{"m1", "m2", "m3", "n1"} {
		assert.Equal(t, "1.39.0", runs(f, host, "kubelet"))
	}
	again, err := apply(t, f, target, unasked)
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "%+v", again.Plan.Steps)
}
