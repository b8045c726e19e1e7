package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
)

// helm is a fake: it keeps revisions and a log of what was asked.
type helm struct {
	installed *cluster.Installed
	revisions []cluster.Revision
	log       []string
	fail      string           // the action that fails
	forget    bool             // success is not written down
	objects   []cluster.Object // that the chart makes
}

func (h *helm) act(name string) error {
	h.log = append(h.log, name)
	if h.fail == name {
		return errors.New("no")
	}
	return nil
}

func (h *helm) add(digest, status string) {
	for i := range h.revisions {
		if h.revisions[i].Status == "deployed" {
			h.revisions[i].Status = "superseded"
		}
	}
	h.revisions = append(h.revisions, cluster.Revision{Number: len(h.revisions) + 1, Status: status, Digest: digest})
}

func (h *helm) History(context.Context, string, string) ([]cluster.Revision, error) {
	return append([]cluster.Revision(nil), h.revisions...), nil
}

func (h *helm) Installed(context.Context, string, string) (*cluster.Installed, error) {
	return h.installed, nil
}

func (h *helm) Render(cluster.Chart) ([]cluster.Object, error) { return h.objects, nil }

func (h *helm) Install(_ context.Context, chart cluster.Chart) error {
	if h.forget {
		h.add(chart.Digest, "pending-install")
		return h.act("install")
	}
	h.add(chart.Digest, "deployed")
	return h.act("install")
}

func (h *helm) Upgrade(_ context.Context, chart cluster.Chart) error {
	h.add(chart.Digest, "deployed")
	return h.act("upgrade")
}

func (h *helm) Rollback(_ context.Context, _, _ string, revision int, _ time.Duration) error {
	h.add(h.revisions[revision-1].Digest, "deployed")
	return h.act(fmt.Sprintf("rollback %d", revision))
}

func (h *helm) Uninstall(context.Context, string, string, time.Duration) error {
	h.revisions = nil
	return h.act("uninstall")
}

func spec(text string) Spec {
	return Spec{Namespace: "web", Chart: map[string]string{"Chart.yaml": "name: web"}, Values: map[string]any{"text": text}}
}

func TestApply(t *testing.T) {
	now, old := spec("new").Digest(), spec("old").Digest()
	revision := func(number int, status, digest string) cluster.Revision {
		return cluster.Revision{Number: number, Status: status, Digest: digest}
	}
	for name, tc := range map[string]struct {
		have []cluster.Revision
		log  []string
	}{
		"absent":              {nil, []string{"install"}},
		"same":                {[]cluster.Revision{revision(1, "deployed", now)}, nil},
		"other values":        {[]cluster.Revision{revision(1, "deployed", old)}, []string{"upgrade"}},
		"killed install":      {[]cluster.Revision{revision(1, "pending-install", now)}, []string{"uninstall", "install"}},
		"failed install":      {[]cluster.Revision{revision(1, "failed", now)}, []string{"uninstall", "install"}},
		"killed uninstall":    {[]cluster.Revision{revision(1, "uninstalling", now)}, []string{"uninstall", "install"}},
		"killed upgrade":      {[]cluster.Revision{revision(1, "deployed", old), revision(2, "pending-upgrade", now)}, []string{"rollback 1", "upgrade"}},
		"killed upgrade back": {[]cluster.Revision{revision(1, "deployed", now), revision(2, "pending-upgrade", old)}, []string{"rollback 1"}},
		"killed rollback":     {[]cluster.Revision{revision(1, "superseded", old), revision(2, "failed", now), revision(3, "pending-rollback", old)}, []string{"rollback 1", "upgrade"}},
		"failed upgrade":      {[]cluster.Revision{revision(1, "deployed", old), revision(2, "failed", now)}, []string{"upgrade"}},
		"two killed in a row": {[]cluster.Revision{revision(1, "failed", old), revision(2, "pending-upgrade", now)}, []string{"uninstall", "install"}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &helm{revisions: tc.have}
			env := &cluster.Env{Releases: fake}
			for range 2 { // the second run finds nothing to do
				require.NoError(t, Kind{}.Apply(t.Context(), env, "web", spec("new")))
			}
			assert.Equal(t, tc.log, fake.log)
			have, err := Kind{}.Observe(t.Context(), env, "web", spec("new"))
			require.NoError(t, err)
			assert.Empty(t, Kind{}.Diff("web", spec("new"), have))
		})
	}
}

func TestUnrecordedSuccessIsAnError(t *testing.T) {
	err := Kind{}.Apply(t.Context(), &cluster.Env{Releases: &helm{forget: true}}, "web", spec("new"))
	require.ErrorContains(t, err, "pending-install")
	assert.ErrorContains(t, err, "apply again")
}

func TestErrorsSayWhatWasTried(t *testing.T) {
	for action, want := range map[string]string{
		"install": "installing release web", "upgrade": "upgrading release web",
		"uninstall": "left pending-install", "rollback 1": "left pending-upgrade",
	} {
		have := map[string][]cluster.Revision{
			"upgrade":    {{Number: 1, Status: "deployed"}},
			"uninstall":  {{Number: 1, Status: "pending-install"}},
			"rollback 1": {{Number: 1, Status: "deployed"}, {Number: 2, Status: "pending-upgrade"}},
		}[action]
		err := Kind{}.Apply(t.Context(), &cluster.Env{Releases: &helm{revisions: have, fail: action}}, "web", spec("new"))
		assert.ErrorContains(t, err, want)
	}
}

func TestRestore(t *testing.T) {
	fake := &helm{}
	env := &cluster.Env{Releases: fake, Objects: &namespaces{}}
	absent, err := Kind{}.Observe(t.Context(), env, "web", spec("old"))
	require.NoError(t, err)
	require.NoError(t, Kind{}.Apply(t.Context(), env, "web", spec("old")))
	before, err := Kind{}.Observe(t.Context(), env, "web", spec("old"))
	require.NoError(t, err)
	require.NoError(t, Kind{}.Apply(t.Context(), env, "web", spec("new")))
	for range 2 {
		require.NoError(t, Kind{}.Restore(t.Context(), env, "web", before))
	}
	for range 2 {
		require.NoError(t, Kind{}.Restore(t.Context(), env, "web", absent))
	}
	assert.Equal(t, []string{"install", "upgrade", "rollback 1", "uninstall"}, fake.log)
}

func TestDigest(t *testing.T) {
	assert.Len(t, spec("a").Digest(), 52, "a label's value has 63 characters at most")
	assert.Equal(t, spec("a").Digest(), spec("a").Digest())
	assert.NotEqual(t, spec("a").Digest(), spec("b").Digest())
	other := spec("a")
	other.Chart = map[string]string{"Chart.yaml": "name: other"}
	assert.NotEqual(t, spec("a").Digest(), other.Digest())
}

func TestCheck(t *testing.T) {
	require.NoError(t, Kind{}.Check("web", spec("a")))
	assert.ErrorContains(t, Kind{}.Check("", spec("a")), "name")
	assert.ErrorContains(t, Kind{}.Check("web", Spec{Namespace: "a"}), "Chart.yaml")
	assert.ErrorContains(t, Kind{}.Check("web", Spec{}), "namespace")
}

// objects is a fake of the API.
type objects struct {
	cluster.Objects
	live map[string]cluster.Object
}

func (o objects) Get(_ context.Context, ref cluster.Ref) (cluster.Object, error) {
	return o.live[ref.String()], nil
}

func configMap(text string) cluster.Object {
	return cluster.Object{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"text": text},
		"metadata": map[string]any{"name": "web", "namespace": "web"}}
}

func TestSecretsOfAReleaseAreNotShown(t *testing.T) {
	secret := func(text string) cluster.Object {
		return cluster.Object{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s", "namespace": "web"}, "stringData": map[string]any{"password": text}}
	}
	live := stored(secret("swordfish")) // as the API tells it
	require.NotContains(t, live, "stringData")
	fake := &helm{revisions: []cluster.Revision{{Number: 1, Status: "deployed", Digest: spec("new").Digest()}}, objects: []cluster.Object{secret("hunter2")}}
	env := &cluster.Env{Releases: fake, Objects: objects{live: map[string]cluster.Object{"Secret web/s": live}}}
	have, err := Kind{}.Observe(t.Context(), env, "web", spec("new"))
	require.NoError(t, err)
	require.Len(t, have.Drift, 1)
	assert.NotContains(t, fmt.Sprint(have.Drift), "hunter2")
	assert.NotContains(t, fmt.Sprint(have.Drift), "swordfish")
}

func TestObjectsThatSomebodyChanged(t *testing.T) {
	deployed := []cluster.Revision{{Number: 1, Status: "deployed", Digest: spec("new").Digest()}}
	for name, tc := range map[string]struct {
		live  cluster.Object
		field string
	}{
		"as the chart says": {configMap("hello"), ""},
		"edited":            {configMap("by hand"), "ConfigMap web/web data.text"},
		"deleted":           {nil, "ConfigMap web/web"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &helm{revisions: slices.Clone(deployed), objects: []cluster.Object{configMap("hello")}}
			env := &cluster.Env{Releases: fake, Objects: objects{live: map[string]cluster.Object{"ConfigMap web/web": tc.live}}}
			have, err := Kind{}.Observe(t.Context(), env, "web", spec("new"))
			require.NoError(t, err)
			changes := Kind{}.Diff("web", spec("new"), have)
			require.NoError(t, Kind{}.Apply(t.Context(), env, "web", spec("new")))
			if tc.field == "" {
				assert.Empty(t, changes)
				assert.Empty(t, fake.log)
				return
			}
			require.Len(t, changes, 1)
			assert.Equal(t, tc.field, changes[0].Field)
			assert.False(t, changes[0].Create, "the release is there")
			assert.Equal(t, []string{"upgrade"}, fake.log, "Helm puts it back")
		})
	}
}
