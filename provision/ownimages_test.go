package provision_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/ownimages"
	"provision/provision/resource"
	"provision/provision/resource/image"
)

// What the inventory loads is on every Node, and leaves with its entry.
func TestOwnImagesComeAndGoWithTheInventory(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	loaded := edit(inv, func(i *inventory.Inventory) {
		i.Images = []inventory.Image{{Reference: "registry.example/app:1"}, {Reference: "registry.example/other:2"}}
	})
	rows, err := ownimages.Rows(loaded)
	require.NoError(t, err)
	name := func(i int) string { return "registry.k8s.io/" + rows[i].Name[len("image-"):] + ":" + rows[i].Default }
	lists := func(host, name string) bool {
		content, err := os.ReadFile(filepath.Join(f.Host(host).Root, "var/lib/containerd/fake.json"))
		require.NoError(t, err)
		return strings.Contains(string(content), `"`+name+`"`)
	}
	_, err = apply(t, f, loaded)
	require.NoError(t, err)
	for _, host := range []string{"n1", "n2"} {
		assert.True(t, lists(host, name(0)), host)
		assert.True(t, lists(host, name(1)), host)
	}
	p, err := look(t, f, loaded)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "nothing is left to do")

	less := edit(loaded, func(i *inventory.Inventory) { i.Images = i.Images[:1] })
	outcome, err := apply(t, f, less)
	require.NoError(t, err)
	require.NotNil(t, at(outcome.Plan, resource.Address{Host: "n1", Kind: image.Kind, Name: name(1)}))
	for _, host := range []string{"n1", "n2"} {
		assert.True(t, lists(host, name(0)), host)
		assert.False(t, lists(host, name(1)), host)
	}
}
