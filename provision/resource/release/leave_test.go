package release

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// namespaces are an API that has nothing else.
type namespaces struct {
	cluster.Objects
	there    map[string]cluster.Object
	contents []cluster.Ref
}

func (n *namespaces) Get(_ context.Context, ref cluster.Ref) (cluster.Object, error) {
	return n.there[ref.Name], nil
}

func (n *namespaces) Create(_ context.Context, object cluster.Object) error {
	name := object["metadata"].(cluster.Object)["name"].(string)
	if n.there[name] != nil {
		return cluster.ErrExists
	}
	n.there[name] = object
	return nil
}

func (n *namespaces) Delete(_ context.Context, ref cluster.Ref) error {
	delete(n.there, ref.Name)
	return nil
}

func (n *namespaces) Contents(context.Context, string) ([]cluster.Ref, error) { return n.contents, nil }

func TestANamespaceLeavesWithItsReleaseOnlyIfItWasMadeForItAndIsEmpty(t *testing.T) {
	claim := cluster.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: "web", Name: "data-0"}
	for name, tc := range map[string]struct {
		there    bool // before the release
		contents []cluster.Ref
		leaves   bool
		told     string
	}{
		"made and empty":       {leaves: true},
		"made and in use":      {contents: []cluster.Ref{claim}, told: "namespace web stays: it holds PersistentVolumeClaim web/data-0"},
		"it was there already": {there: true},
	} {
		t.Run(name, func(t *testing.T) {
			api := &namespaces{there: map[string]cluster.Object{}}
			if tc.there {
				api.there["web"] = cluster.Object{"metadata": cluster.Object{"name": "web"}}
			}
			var told []string
			env := &cluster.Env{Releases: &helm{}, Objects: api, Progress: func(text string) { told = append(told, text) }}
			want := spec("x")
			want.CreateNamespace = true
			before, err := Kind{}.Observe(t.Context(), env, "web", want)
			require.NoError(t, err)
			require.NoError(t, Kind{}.Apply(t.Context(), env, "web", want))
			api.contents = tc.contents
			for range 2 { // killed in between, it is done again
				require.NoError(t, Kind{}.Restore(t.Context(), env, "web", before))
			}
			_, there := api.there["web"]
			assert.Equal(t, tc.leaves, !there)
			assert.Contains(t, strings.Join(told, "\n"), tc.told)
		})
	}
}

func TestWhatStoodThereBeforeAReleaseThatNoLedgerKnows(t *testing.T) {
	ours := cluster.Revision{Number: 2, Status: cluster.StatusDeployed, Digest: "d"}
	theirs := cluster.Revision{Number: 1, Status: cluster.StatusSuperseded}
	for name, tc := range map[string]struct {
		history []cluster.Revision
		before  State
	}{
		"nothing":              {nil, State{Namespace: "web"}},
		"ours":                 {[]cluster.Revision{ours}, State{Namespace: "web"}},
		"ours after another's": {[]cluster.Revision{theirs, ours}, State{Namespace: "web", Last: &theirs, Deployed: &theirs}},
	} {
		t.Run(name, func(t *testing.T) {
			env := &cluster.Env{Releases: &helm{revisions: tc.history}, Objects: &namespaces{}}
			have, err := observe(t.Context(), env, "web", "web")
			require.NoError(t, err)
			before, err := Kind{}.Before(t.Context(), env, "web", have)
			require.NoError(t, err)
			assert.Equal(t, tc.before, before)
		})
	}
}

func TestLeaveTellsWhatIsDeletedAndWhatStays(t *testing.T) {
	fake := &helm{installed: &cluster.Installed{Objects: []cluster.Ref{
		{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "web", Name: "web"},
		{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: "web", Name: "data"},
	}}}
	env := &cluster.Env{Releases: fake, Objects: &namespaces{}}
	changes, err := Kind{}.Leave(t.Context(), env, "web", State{Namespace: "web"})
	require.NoError(t, err)
	assert.Equal(t, []resource.Change{
		{Field: "release", Old: "web/web", New: "uninstalled"},
		{Field: "object", Old: "Deployment web/web", New: "deleted"},
		{Field: "object", Old: "PersistentVolumeClaim web/data", New: "stays: data may be lost with it; delete it yourself"},
	}, changes)
	back, err := Kind{}.Leave(t.Context(), env, "web", State{Namespace: "web", Deployed: &cluster.Revision{Number: 3}})
	require.NoError(t, err)
	assert.Equal(t, "rolled back to revision 3, which was there before provision", back[0].New)
}
