package desired

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
)

type fake struct {
	name string
	want func(host string) []resource.Resource
}

func (f fake) Name() string                                 { return f.name }
func (f fake) Runs(*component.Cluster, inventory.Host) bool { return true }
func (f fake) Artifacts(*component.Cluster) []bundle.Ref    { return nil }
func (f fake) Rollout() component.Rollout                   { return component.OneAtATime }
func (f fake) Gate() component.Gate                         { return component.Gate{} }
func (f fake) Desired(_ *component.Cluster, h inventory.Host) ([]resource.Resource, error) {
	return f.want(h.Name), nil
}

func build(hosts []string, comps ...component.Component) (*Graph, error) {
	in := Input{Cluster: &component.Cluster{}, Components: comps}
	for _, h := range hosts {
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
	}
	return Build(in)
}

func TestGraphPutsAUnitAfterWhatTriggersIt(t *testing.T) {
	g, err := build([]string{"b", "a"}, fake{"etcd", func(h string) []resource.Resource {
		return []resource.Resource{
			resource.New(h, "unit", "etcd.service", 1),
			resource.New(h, "file", "/etc/etcd.conf", 1).Restarting("etcd.service"),
		}
	}})
	require.NoError(t, err)
	var names []string
	for _, r := range g.Resources {
		names = append(names, r.Address.String())
	}
	require.Equal(t, []string{
		`a/file["/etc/etcd.conf"]`, `a/unit["etcd.service"]`,
		`b/file["/etc/etcd.conf"]`, `b/unit["etcd.service"]`,
	}, names)
	require.True(t, g.OneAtATime["etcd"])
	unit, _ := g.Get(resource.Address{Host: "a", Kind: "unit", Name: "etcd.service"})
	require.Equal(t, "etcd", unit.Component)
	require.Len(t, unit.Requires, 1)
}

func TestGraphRefusesWhatNoComponentMayDo(t *testing.T) {
	file := func(h, name string) resource.Resource { return resource.New(h, "file", name, 1) }
	tests := map[string]struct {
		want func(h string) []resource.Resource
		err  string
	}{
		"twice": {func(h string) []resource.Resource {
			return []resource.Resource{file(h, "/x"), file(h, "/x")}
		}, "is wanted by both"},
		"other host": {func(string) []resource.Resource {
			return []resource.Resource{file("z", "/x")}
		}, "while working on"},
		"edge into nothing": {func(h string) []resource.Resource {
			return []resource.Resource{file(h, "/x").After(file(h, "/y").Address)}
		}, "which nobody wants"},
		"trigger of nothing": {func(h string) []resource.Resource {
			return []resource.Resource{file(h, "/x").Restarting("no.service")}
		}, "which nobody wants"},
		"cycle": {func(h string) []resource.Resource {
			return []resource.Resource{file(h, "/x").After(file(h, "/y").Address), file(h, "/y").After(file(h, "/x").Address)}
		}, "requires itself"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := build([]string{"a"}, fake{"c", test.want})
			require.ErrorContains(t, err, test.err)
		})
	}
}

func TestGraphDropsEdgesToHostsThatDidNotAnswer(t *testing.T) {
	g, err := build([]string{"a"}, fake{"c", func(h string) []resource.Resource {
		return []resource.Resource{resource.New(h, "file", "/x", 1).After(
			resource.Address{Host: "dead", Kind: "unit", Name: "etcd.service"})}
	}})
	require.NoError(t, err)
	require.Empty(t, g.Resources[0].Requires)
}
