package inventory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/catalogue"
	"provision/provision/inventory"
)

// A row of the catalogue is all that a new artifact takes: its family is an
// attribute of versions, its default is taken, and it is asked for by its name.
func TestAFamilyOfVersionsIsARowOfTheCatalogue(t *testing.T) {
	opts := sealed()
	opts.Catalogue = append(catalogue.Default(), catalogue.Entry{Name: "keeperd", Family: "keeper", Default: "1.2.3"})
	inv := mustParse(t, "cluster \"c\" {}\n", opts)
	version, err := inv.Version("keeperd")
	require.NoError(t, err)
	assert.Equal(t, "1.2.3", version)

	inv = mustParse(t, "cluster \"c\" {\n  versions { keeper = \"1.3.0\" }\n}\n", opts)
	version, err = inv.Version("keeperd")
	require.NoError(t, err)
	assert.Equal(t, "1.3.0", version)
	_, err = inv.Version("keeperctl")
	assert.ErrorContains(t, err, "no such name")
}

func TestUnknownFamiliesAreRefused(t *testing.T) {
	for text, says := range map[string]string{
		`etdc = "3.7.3"`:        `There is no attribute "etdc" in versions; did you mean "etcd"?`,
		`kubernetes = "1.37.1"`: `There is no attribute "kubernetes" in versions`,
		`keeper = "1.2.3"`:      `There is no attribute "keeper" in versions`,
		`etcd = "3.7"`:          "is not a version",
	} {
		_, list := parse(t, "cluster \"c\" {\n  versions { "+text+" }\n}\n", sealed())
		require.True(t, list.HasErrors(), text)
		assert.Contains(t, list[0].Detail, says)
		assert.Equal(t, 2, list[0].Places[0].Range.Start.Line)
	}
}

func TestNodesFollowTheControlPlane(t *testing.T) {
	inv := mustParse(t, "cluster \"c\" { version = \"1.37.0\" }\n", sealed())
	assert.Equal(t, "1.37.0", inv.Cluster.Versions.Nodes())
	before := inv.Cluster.Versions
	after := before.With(inventory.FamilyKubelet, "1.36.4")
	assert.Equal(t, "1.36.4", after.Nodes())
	assert.Equal(t, "1.37.0", before.Nodes(), "copies of an inventory share the map")
	assert.Equal(t, before, after.With(inventory.FamilyKubelet, ""))
	inv.Cluster.Versions = after
	for artifact, want := range map[string]string{"kube-proxy": "1.36.4", "kubectl": "1.37.0"} {
		version, err := inv.Version(artifact)
		require.NoError(t, err)
		assert.Equal(t, want, version)
	}
}
