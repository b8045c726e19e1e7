package release

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/resource"
	"provision/provision/secret"
)

// keyed stands for digests under a key.
func keyed(text string) string { return "keyed-" + text }

func lines(changes []resource.Change) string {
	resource.SealAll(changes, keyed)
	var out []string
	for _, c := range changes {
		out = append(out, c.Field+": "+c.Old+" → "+c.New)
	}
	return strings.Join(out, "\n")
}

func TestAnUpgradeShowsWhichValuesChange(t *testing.T) {
	values, secrets := Reveal(map[string]any{
		"replicas": 3, "image": map[string]any{"tag": "1.14.7"}, "servers": []any{"10.0.0.2", "10.0.0.3"},
		"fresh": true, "list": []any{"a", "b"},
		"auth": map[string]any{"password": secret.New("new-pw"), "user": "ops"},
	})
	assert.Equal(t, []string{"auth.password"}, secrets)
	want := Spec{Namespace: "web", Values: values, Hidden: secrets, Chart: map[string]string{"Chart.yaml": "name: web\nversion: 1.3.0"}}
	installed := &cluster.Installed{Chart: "web", Version: "1.2.0", Hidden: []string{"auth.password", "token"}, Values: map[string]any{
		"replicas": 2.0, "image": map[string]any{"tag": "1.14.6"}, "servers": []any{"10.0.0.2", "10.0.0.9"},
		"gone": "x", "list": []any{"a"}, "token": "old-token",
		"auth": map[string]any{"password": "old-pw", "user": "ops"},
	}}
	fake := &helm{revisions: []cluster.Revision{{Number: 1, Status: cluster.StatusDeployed, Digest: "other"}}, installed: installed}
	kind := New()
	env := &cluster.Env{Releases: fake, Objects: &namespaces{}}
	raw := resource.New(resource.ClusterHost, Name, "web", want).Spec
	have, err := kind.Observe(t.Context(), env, "web", raw)
	require.NoError(t, err)
	changes, err := kind.Diff("web", raw, have)
	require.NoError(t, err)
	text := lines(changes)
	assert.Equal(t, strings.TrimSpace(`
chart: web 1.2.0 → web 1.3.0
values.auth.password: secret keyed-`+sum("old-pw")+` → secret keyed-`+sum("new-pw")+`
values.fresh:  → true
values.gone: x → 
values.image.tag: 1.14.6 → 1.14.7
values.list: ["a"] → ["a","b"]
values.replicas: 2 → 3
values.servers[1]: 10.0.0.9 → 10.0.0.3
values.token: secret keyed-`+sum("old-token")+` →`), strings.TrimSpace(text))
	for _, s := range []string{"old-pw", "new-pw", "old-token"} {
		assert.NotContains(t, text, s)
	}
}

// sum is how a keyed digest begins here.
func sum(text string) string { return keyedSum(text)[len("keyed-"):] }

func keyedSum(text string) string {
	changes := []resource.Change{hidden("x", nil, text)}
	resource.SealAll(changes, keyed)
	return strings.TrimPrefix(changes[0].Old, "secret ")
}

func TestAnUpgradeShowsWhichFieldsOfObjectsChange(t *testing.T) {
	deployment := cluster.Object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web"}, "spec": map[string]any{"replicas": 3}}
	for name, tc := range map[string]struct {
		secrets []string
		want    string
	}{
		"plain":         {nil, "Deployment web spec.replicas: 2 → 3"},
		"with a secret": {[]string{"text"}, "Deployment web spec.replicas: (secret) → (another secret)"},
	} {
		t.Run(name, func(t *testing.T) {
			want := spec("new")
			want.Hidden = tc.secrets
			fake := &helm{objects: []cluster.Object{deployment}, revisions: []cluster.Revision{{Number: 1, Status: cluster.StatusDeployed, Digest: "other"}},
				installed: &cluster.Installed{Chart: "web", Values: map[string]any{"text": "new"}, Objects: []cluster.Ref{{Kind: "Service", Name: "old"}}}}
			live := &namespaces{there: map[string]cluster.Object{"web": {"kind": "Deployment", "metadata": map[string]any{"name": "web"}, "spec": map[string]any{"replicas": 2}}}}
			env := &cluster.Env{Releases: fake, Objects: live}
			have, err := Kind{}.Observe(t.Context(), env, "web", want)
			require.NoError(t, err)
			text := lines(Kind{}.Diff("web", want, have))
			assert.Contains(t, text, "Service old: there → deleted\n")
			assert.Contains(t, text, tc.want)
		})
	}
}
