package toys_test

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/cluster"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/test/toys/depot"
)

// depots is a site with these depots, and settings of all.
func depots(settings string, names ...string) site {
	s := site{rest: "depot { " + settings + " }\n", depots: map[string]string{}}
	for _, name := range names {
		s.depots[name] = "/srv/" + name
	}
	return s
}

var addresses = cluster.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "kube-system", Name: "depots"}

// members are the depots as they see each other.
func members(f *fleettest.Fleet) map[string]any {
	object := f.API.Object(depot.Members)
	data, _ := object["data"].(map[string]any)
	return data
}

// pauses are the depots that the others send nothing.
func pauses(f *fleettest.Fleet) map[string]any {
	metadata, _ := f.API.Object(depot.Members)["metadata"].(map[string]any)
	marks, _ := metadata["annotations"].(map[string]any)
	return marks
}

// points notes the named steps that are done, in order.
func points(into *[]string, parts ...string) func(*provision.Options) {
	return func(o *provision.Options) {
		o.Point = func(name string) {
			step, done := strings.CutPrefix(name, "done ")
			if done && slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(step, part) }) {
				*into = append(*into, step)
			}
		}
	}
}

func TestADepotFromItsPlanToItsRemoval(t *testing.T) {
	inv := load(t, depots("", "s1"))
	f := boot(t, inv)
	p := look(t, f, inv)
	for _, address := range []string{`s1/unit["depot.service"]`, `s1/cert["/etc/depot/server.crt"]`, `cluster/depotmember["s1"]`, `cluster/object["ConfigMap/kube-system/depots"]`} {
		assert.NotNil(t, at(p, address), address)
	}
	assert.Empty(t, f.Host("s1").Read("/etc/depot/depot.conf"), "plan changes nothing")

	apply(t, f, inv)
	assert.Equal(t, "disk /srv/s1\nport 7900\nkeep-free 10\nsnapshots 0\n", f.Host("s1").Read("/etc/depot/depot.conf"))
	assert.NotEmpty(t, f.Host("s1").Read("/etc/depot/server.crt"), "signed, although no kubelet could ask")
	assert.NoFileExists(t, filepath.Join(f.Host("s1").Root, "/usr/local/bin/kubelet"))
	assert.Equal(t, []string{"m1", "n1"}, f.API.Names("Node"))
	assert.Equal(t, map[string]any{"s1": "10.200.2.1 healthy"}, members(f))
	assert.Equal(t, map[string]any{"hosts": "10.200.2.1"}, f.API.Object(addresses)["data"])
	settled(t, f, inv)
	o := operator(f, inv)
	certs, err := o.Certificates(t.Context(), "s1")
	require.NoError(t, err)
	require.NoError(t, o.Close())
	renewed := slices.IndexFunc(certs.Certificates, func(c provision.Certificate) bool { return c.Path == "/etc/depot/server.crt" })
	require.GreaterOrEqual(t, renewed, 0)
	assert.Equal(t, provision.ByTimer, certs.Certificates[renewed].Renews)

	two := load(t, depots("", "s1", "s2"))
	bring(t, f, two)
	p = apply(t, f, two)
	assert.Nil(t, at(p, `s1/unit["depot.service"]`), "whoever is there is left alone")
	assert.Equal(t, map[string]any{"s1": "10.200.2.1 healthy", "s2": "10.200.2.2 healthy"}, members(f))
	assert.Equal(t, map[string]any{"hosts": "10.200.2.1 10.200.2.2"}, f.API.Object(addresses)["data"])
	settled(t, f, two)

	var order []string
	apply(t, f, inv, points(&order, "depotmember", `s2/unit["depot.service"]`))
	assert.Equal(t, []string{`cluster/depotmember["s2"]`, `s2/unit["depot.service"]`}, order, "out of the members first")
	assert.Equal(t, map[string]any{"s1": "10.200.2.1 healthy"}, members(f))
	assert.Empty(t, f.Host("s2").Read("/etc/depot/depot.conf"))
	settled(t, f, inv)

	none := load(t, site{})
	apply(t, f, none, func(o *provision.Options) { o.AllowRemovals = 1 })
	assert.Empty(t, members(f))
	assert.Nil(t, f.API.Object(addresses), "what leaves the inventory leaves the cluster")
	settled(t, f, none)
}

// A depot is one of several things that a host may be.
func TestAHostLosesItsDepotAndStaysANode(t *testing.T) {
	s := depots("", "s1")
	s.rest += "host \"n2\" {\n  address = \"10.200.2.2\"\n  roles = [\"node\"%s]\n  %s\n}\n"
	both := s
	both.rest = strings.Replace(strings.Replace(s.rest, "%s", `, "depot"`, 1), "%s", `depot { disk = "/srv/n2" }`, 1)
	s.rest = strings.ReplaceAll(s.rest, "%s", "")
	inv := load(t, both)
	f := boot(t, inv)
	apply(t, f, inv)
	assert.Len(t, members(f), 2)
	lost := load(t, s)
	apply(t, f, lost)
	assert.Equal(t, map[string]any{"s1": "10.200.2.1 healthy"}, members(f))
	assert.Empty(t, f.Host("n2").Read("/etc/depot/depot.conf"))
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
	settled(t, f, lost)
}

func TestADepotIsPausedAroundItsChange(t *testing.T) {
	inv := load(t, depots("", "s1", "s2"))
	f := boot(t, inv)
	apply(t, f, inv)
	var order []string
	after := load(t, depots("keep_free = 11", "s1", "s2"))
	p := apply(t, f, after, points(&order, "depotpause", `unit["depot.service"]`))
	assert.Equal(t, []string{
		`cluster/depotpause["s1 pause"]`, `s1/unit["depot.service"]`, `cluster/depotpause["s1 resume"]`,
		`cluster/depotpause["s2 pause"]`, `s2/unit["depot.service"]`, `cluster/depotpause["s2 resume"]`,
	}, order)
	assert.NotNil(t, at(p, `s1/file["/etc/depot/depot.conf"]`))
	settled(t, f, after)

	order = nil
	o := operator(f, after, points(&order, "depotpause", "reboot[\"s1\"]"), func(o *provision.Options) { o.Task = &provision.Reboot{Hosts: []string{"s1"}} })
	_, err := o.Apply(t.Context(), yes)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	assert.Equal(t, []string{`cluster/depotpause["s1 pause"]`, `s1/reboot["s1"]`, `cluster/depotpause["s1 resume"]`}, order, "a reboot is a change, too")
}

// Whoever is killed between the two leaves a paused depot; the next run resumes.
func TestAPauseOutlivesTheRunThatWasKilledAndNoMore(t *testing.T) {
	for _, point := range []string{`done cluster/depotpause["s1 pause"]`, `done s1/unit["depot.service"]`} {
		t.Run(filepath.Base(point), func(t *testing.T) {
			inv := load(t, depots("", "s1"))
			f := boot(t, inv)
			apply(t, f, inv)
			after := load(t, depots("keep_free = 11", "s1"))
			killAt(t, f, after, point)
			assert.Equal(t, "yes", pauses(f)["paused/s1"])
			assert.NotNil(t, at(look(t, f, after), `cluster/depotpause["s1 resume"]`))
			apply(t, f, after)
			settled(t, f, after)
			assert.Empty(t, pauses(f))
		})
	}
}

// killAt ends a run once a point is passed.
func killAt(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, point string) *plan.Plan {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o := operator(f, inv, func(o *provision.Options) {
		o.Point = func(name string) {
			if name == point {
				cancel()
			}
		}
	})
	outcome, err := o.Apply(ctx, yes)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, o.Close())
	return outcome.Plan
}

// Members leave with hosts that are gone for good, or given back, too.
func TestDepotsThatAreForgottenOrResetAreNoMembers(t *testing.T) {
	inv := load(t, depots("", "s1", "s2"))
	f := boot(t, inv)
	apply(t, f, inv)
	f.Host("s2").Pretend(func(context.Context, string, io.Reader, io.Writer) error { return io.ErrClosedPipe })
	one := load(t, depots("", "s1"))
	p := look(t, f, one)
	assert.Nil(t, at(p, `cluster/depotmember["s2"]`), "it may come back")
	o := operator(f, one, func(o *provision.Options) { o.Task = &provision.Removal{Forget: []string{"s2"}} })
	_, err := o.Apply(t.Context(), yes)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	assert.Equal(t, map[string]any{"s1": "10.200.2.1 healthy"}, members(f))
	settled(t, f, one)

	say(f, "stranger", "healthy")
	assert.Contains(t, strings.Join(look(t, f, one).Warnings, "\n"), "depot stranger is a member and no host of the inventory")

	o = operator(f, one, func(o *provision.Options) { o.Task = &provision.Reset{Hosts: []string{"s1"}} })
	_, err = o.Apply(t.Context(), yes)
	require.NoError(t, err)
	require.NoError(t, o.Close())
	assert.NotContains(t, members(f), "s1")
	assert.Empty(t, f.Host("s1").Read("/etc/depot/depot.conf"))
}
