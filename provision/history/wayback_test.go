package history

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/inventory"
	"provision/provision/secret"
)

func TestWhatTheWayBackHasInIt(t *testing.T) {
	now := func() *inventory.Inventory {
		return &inventory.Inventory{
			Cluster: inventory.Cluster{Name: "dc1", Versions: inventory.Versions{"kubernetes": "1.37.1", "etcd": "3.7.3", "depot": "2.0.0"}},
			Network: inventory.Network{Pods: netip.MustParsePrefix("10.32.0.0/12"), Services: netip.MustParsePrefix("10.96.0.0/16")},
			Hosts:   []inventory.Host{{Name: "m1"}, {Name: "n1"}},
		}
	}
	r := Run{ID: NewID(37, "ab12")}
	for name, test := range map[string]struct {
		then             func(i *inventory.Inventory)
		impossible, note string
	}{
		"the same":          {func(*inventory.Inventory) {}, "", ""},
		"a newer version":   {func(i *inventory.Inventory) { i.Cluster.Versions["kubernetes"] = "1.38.0" }, "", ""},
		"a patch less":      {func(i *inventory.Inventory) { i.Cluster.Versions["kubernetes"] = "1.37.0" }, "", "Kubernetes goes back from 1.37.1 to 1.37.0 and loses the fixes"},
		"a minor less":      {func(i *inventory.Inventory) { i.Cluster.Versions["kubernetes"] = "1.36.9" }, "", "If the newer minor release already runs, that is refused"},
		"etcd":              {func(i *inventory.Inventory) { i.Cluster.Versions["etcd"] = "3.6.1" }, "", "etcd goes back from 3.7.3 to 3.6.1. If the newer"},
		"a component":       {func(i *inventory.Inventory) { i.Cluster.Versions["depot"] = "1.4.0" }, "", "depot goes back from 2.0.0 to 1.4.0 and loses the fixes"},
		"another cluster":   {func(i *inventory.Inventory) { i.Cluster.Name = "dc2" }, `run 37-ab12 is that of cluster "dc2", this one is "dc1"`, ""},
		"other ranges":      {func(i *inventory.Inventory) { i.Network.Pods = netip.MustParsePrefix("10.48.0.0/12") }, "ranges of pods and services cannot change", ""},
		"a host comes back": {func(i *inventory.Inventory) { i.Hosts = append(i.Hosts, inventory.Host{Name: "n2"}) }, "", "n2 return to the cluster as new members, if the machines exist"},
		"a host leaves":     {func(i *inventory.Inventory) { i.Hosts = i.Hosts[:1] }, "", "n1 leave the cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			then := now()
			test.then(then)
			w := WayBack(now(), then, r, nil)
			for text, list := range map[string][]string{test.impossible: w.Impossible, test.note: w.Notes} {
				if text != "" {
					assert.Contains(t, strings.Join(list, "\n"), text)
				}
			}
			assert.Equal(t, test.impossible == "", len(w.Impossible) == 0, "%v", w.Impossible)
			assert.Equal(t, test.note == "", len(w.Notes) == 0, "%v", w.Notes)
		})
	}
}

func TestVarFilesThatAreNotWhatTheyWereAreNamed(t *testing.T) {
	key := func(digest string) string { return "keyed " + digest }
	now := &inventory.Inventory{Written: inventory.Written{VarFiles: map[string]secret.Value{"same": secret.New("1"), "other": secret.New("2")}}}
	r := Run{VarFiles: map[string]string{"same": "keyed 1", "other": "keyed 1", "gone": "keyed 1"}}
	var w Way
	w.given(now, r, key)
	assert.Equal(t, []string{"the run used variables from gone, which is not given now", "other has changed since the run: variables get its present values"}, w.Notes)
	w = Way{}
	w.given(now, r, nil)
	assert.Len(t, w.Notes, 1, "without a key nothing is known of contents")
}
