package addons

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"

	"provision/addons/release"
	"provision/provision/component"
	"provision/provision/inventory"
)

// fake is an add-on with one setting.
type fake struct {
	name     string
	requires []string
	standard bool
}

func (f fake) Name() string       { return f.name }
func (f fake) Requires() []string { return f.requires }
func (f fake) Default() bool      { return f.standard }

func (f fake) Decode(body hcl.Body, eval *hcl.EvalContext) (Config, hcl.Diagnostics) {
	var settings struct {
		Text  string `hcl:"text,optional"`
		Shown string `hcl:"shown,optional"`
	}
	diagnostics := DecodeBody(body, eval, &settings, "text")
	return settings.Text, diagnostics
}

func (f fake) Releases(_ *component.Cluster, config Config) ([]release.Release, error) {
	return []release.Release{{Name: f.name + "-release", Values: map[string]any{"text": config}}}, nil
}

func asked(t *testing.T, blocks map[string]string) *component.Cluster {
	t.Helper()
	inv := &inventory.Inventory{}
	eval := &hcl.EvalContext{Variables: map[string]cty.Value{"secret": cty.StringVal("s").Mark("sensitive")}}
	for name, text := range blocks {
		file, diagnostics := hclsyntax.ParseConfig([]byte(text), name+".hcl", hcl.InitialPos)
		require.False(t, diagnostics.HasErrors())
		inv.Addons = append(inv.Addons, inventory.Addon{Name: name, Body: file.Body, Eval: eval, Range: hcl.Range{Filename: name + ".hcl"}})
	}
	return &component.Cluster{Inventory: inv}
}

func TestSecretsAreRefusedWhereTheyWouldShow(t *testing.T) {
	for _, text := range []string{"shown = secret", "shown = \"a${secret}\""} {
		_, diagnostics := Wanted([]Addon{fake{name: "web"}}, asked(t, map[string]string{"web": text}))
		require.True(t, diagnostics.HasErrors())
		assert.Contains(t, diagnostics.Error(), "Sensitive value not allowed here")
		assert.Contains(t, diagnostics.Error(), "The value of shown")
	}
}

func TestWanted(t *testing.T) {
	catalogue := []Addon{fake{name: "dns", standard: true}, fake{name: "web", requires: []string{"dns"}}, fake{name: "unasked"}}
	releases, diagnostics := Wanted(catalogue, asked(t, map[string]string{"web": "text = secret"}))
	require.Empty(t, diagnostics)
	require.Len(t, releases, 2)
	assert.Equal(t, "dns", releases[0].Addon)
	assert.Equal(t, "", releases[0].Values["text"])
	assert.Equal(t, "web", releases[1].Addon)
	assert.Equal(t, "s", releases[1].Values["text"])
	assert.Equal(t, []string{"dns-release"}, releases[1].Requires)
}

func TestWantedReportsProblems(t *testing.T) {
	catalogue := []Addon{fake{name: "web", requires: []string{"dns"}}, fake{name: "dns"}}
	for name, tc := range map[string]struct {
		blocks map[string]string
		want   string
	}{
		"unknown":   {map[string]string{"wep": ""}, `there is no add-on "wep"; there are: dns, web.`},
		"missing":   {map[string]string{"web": ""}, `works only with "dns"`},
		"attribute": {map[string]string{"dns": "txet = 1"}, "txet"},
		"type":      {map[string]string{"dns": "text = [1]"}, "string required"},
	} {
		t.Run(name, func(t *testing.T) {
			releases, diagnostics := Wanted(catalogue, asked(t, tc.blocks))
			assert.Empty(t, releases)
			require.Len(t, diagnostics, 1)
			assert.Contains(t, diagnostics.Error(), tc.want)
			assert.NotNil(t, diagnostics[0].Subject)
		})
	}
}
