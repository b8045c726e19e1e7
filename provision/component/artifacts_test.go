package component_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/loadbalancer"
	"provision/provision/component/trust"
	"provision/provision/facts"
	"provision/provision/resource/pkg"
)

func packageOf(t *testing.T, c *component.Cluster) pkg.Spec {
	t.Helper()
	s := component.NewSet(c, c.Inventory.Hosts[0], "x")
	s.Package("haproxy", true)
	list, err := s.Done()
	require.NoError(t, err)
	var spec pkg.Spec
	require.NoError(t, json.Unmarshal(list[0].Spec, &spec))
	assert.Len(t, list[0].Blobs, len(spec.Debs), "each .deb is a blob that must be on the host")
	return spec
}

func TestPackagesComeFromTheBundleWhereItHasThem(t *testing.T) {
	c := componenttest.Single()
	spec := packageOf(t, c)
	require.Len(t, spec.Debs, 1)
	assert.Equal(t, "haproxy", spec.Debs[0].Package)
	assert.True(t, spec.NoStart)

	c.Artifacts = componenttest.Store{Missing: []string{"deb-haproxy"}}
	assert.Empty(t, packageOf(t, c).Debs, "else from the host's repositories")
}

func TestMissingArtifactIsAnError(t *testing.T) {
	c := componenttest.Single()
	c.Artifacts = componenttest.Store{Missing: []string{"kubelet"}}
	s := component.NewSet(c, c.Inventory.Hosts[0], "x")
	s.Binary("kubelet")
	s.Binary("etcd")
	_, err := s.Done()
	assert.ErrorContains(t, err, "kubelet@1.37.1/amd64")
	assert.ErrorContains(t, err, "provision bundle pull")
}

func TestHostWithoutFactsIsAnError(t *testing.T) {
	c := componenttest.Small()
	delete(c.Facts, "n1")
	host, _ := c.Inventory.Host("n1")
	_, err := trust.New().Desired(c, host)
	assert.ErrorContains(t, err, "host n1 did not answer")
}

func TestRefsCoverEveryArchitecture(t *testing.T) {
	c := componenttest.Small()
	arm := c.Facts["n2"]
	arm.Arch = "arm64"
	c.Facts["n2"] = arm
	assert.Equal(t, []bundle.Ref{
		{Name: "kubelet", Version: "1.37.1", Arch: "amd64"}, {Name: "kubelet", Version: "1.37.1", Arch: "arm64"},
	}, component.Refs(c, loadbalancer.New(), "kubelet"))

	c.Facts = nil
	assert.Equal(t, []bundle.Ref{{Name: "kubelet", Version: "1.37.1", Arch: "amd64"}},
		component.Refs(c, loadbalancer.New(), "kubelet"), "before any host answered")
}

func TestClosuresAreAskedForOnlyWhereTheyAreKept(t *testing.T) {
	c := componenttest.Small()
	other := c.Facts["n2"]
	other.OS = facts.OS{ID: "ubuntu", Version: "24.04", Codename: "noble"}
	c.Facts["n2"] = other
	assert.Equal(t, []bundle.Ref{{Name: "deb-haproxy", Version: "bookworm", Arch: "amd64"}},
		loadbalancer.New().Artifacts(c))
}
