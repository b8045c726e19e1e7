package addons

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/addons/release"
	"provision/provision/component"
	"provision/provision/diag"
	"provision/provision/inventory"
)

// fake is a kind of add-on with a setting that may be a secret and one that may not.
type fake struct {
	name              string
	requires          []string
	standard, several bool
	fixed             string // name of its release, whatever the instance's
}

type settings struct {
	Text  string `hcl:"text,optional" secret:"true" doc:"A secret."`
	Shown string `hcl:"shown,optional" default:"\"plain\"" doc:"What shows."`
}

func (f fake) Name() string       { return f.name }
func (f fake) Requires() []string { return f.requires }
func (f fake) Default() bool      { return f.standard }
func (f fake) Several() bool      { return f.several }
func (f fake) Block() any         { return settings{} }

func (f fake) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var s settings
	problems := gohcl.DecodeBody(body, nil, &s)
	return s, problems
}

func (f fake) Releases(_ *component.Cluster, instance inventory.Addon) ([]release.Release, error) {
	s := instance.Config.(settings)
	name := instance.Release()
	if f.fixed != "" {
		name = f.fixed
	}
	return []release.Release{{Name: name, Namespace: name, Values: map[string]any{"text": s.Text, "shown": s.Shown}}}, nil
}

func load(t *testing.T, kinds []Addon, text string) (*inventory.Inventory, diag.List) {
	t.Helper()
	var parts []inventory.Part
	for _, kind := range kinds {
		parts = append(parts, kind)
	}
	text = "variable \"key\" {\n  default = \"s3cret\"\n  sensitive = true\n}\ncluster \"c\" {}\nhost \"a\" {\n  address = \"192.0.2.1\"\n  roles = [\"etcd\", \"master\", \"node\"]\n}\n" + text
	return inventory.Parse(t.Context(), map[string][]byte{"x.hcl": []byte(text)},
		inventory.Options{Parts: parts, Env: func(string) (string, bool) { return "", false }})
}

func wanted(t *testing.T, kinds []Addon, text string) ([]release.Release, hcl.Diagnostics) {
	t.Helper()
	inv, problems := load(t, kinds, text)
	require.NoError(t, problems.Err())
	return Wanted(kinds, &component.Cluster{Inventory: inv})
}

func TestWanted(t *testing.T) {
	kinds := []Addon{fake{name: "dns", standard: true}, fake{name: "web", requires: []string{"dns"}}, fake{name: "unasked"}}
	releases, problems := wanted(t, kinds, `addon "web" { text = var.key }`)
	require.Empty(t, problems)
	require.Len(t, releases, 2)
	assert.Equal(t, "dns", releases[0].Addon)
	assert.Equal(t, map[string]any{"text": "", "shown": "plain"}, releases[0].Values, "there by default, with its defaults")
	assert.Equal(t, "s3cret", releases[1].Values["text"])
	assert.Equal(t, []string{"dns"}, releases[1].Requires)
}

func TestInstancesHaveReleasesOfTheirOwn(t *testing.T) {
	kinds := []Addon{fake{name: "db", several: true}, fake{name: "web", requires: []string{"db"}}}
	releases, problems := wanted(t, kinds, `
addon "db" {}
addon "db" "second" { shown = "b" }
addon "web" {}
`)
	require.Empty(t, problems)
	require.Len(t, releases, 3)
	assert.Equal(t, "db", releases[0].Name)
	assert.Equal(t, "db-second", releases[1].Name)
	assert.Equal(t, "b", releases[1].Values["shown"])
	assert.Equal(t, []string{"db", "db-second"}, releases[2].Requires, "all instances come first")

	kinds = []Addon{fake{name: "db", several: true, fixed: "one"}}
	_, problems = wanted(t, kinds, "addon \"db\" {}\naddon \"db\" \"second\" {}")
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Detail, `add-ons "db" and "db" "second" both have a release "one"`)
	assert.Equal(t, 11, problems[0].Subject.Start.Line)
}

func TestProblemsOfAddons(t *testing.T) {
	kinds := []Addon{fake{name: "web", requires: []string{"dns"}}, fake{name: "dns"}, fake{name: "db", several: true}}
	for name, tc := range map[string]struct{ text, want string }{
		"unknown":       {`addon "wep" {}`, `There is no addon "wep"; there are: db, dns, web; did you mean "web"?`},
		"missing":       {`addon "web" {}`, `Add-on "web" works only with "dns"; add a block addon "dns" {}.`},
		"attribute":     {`addon "dns" { shwon = 1 }`, `did you mean "shown"?`},
		"type":          {`addon "dns" { shown = [1] }`, "shown must be a string"},
		"only one":      {"addon \"dns\" {}\naddon \"dns\" \"two\" {}", `There may be one "dns" in a cluster`},
		"same name":     {"addon \"db\" \"a\" {}\naddon \"db\" \"a\" {}", `Add-on "db" "a" is given twice`},
		"three labels":  {`addon "db" "a" "b" {}`, "It takes 1 label(s), and 3 are given"},
		"secret shown":  {`addon "dns" { shown = "a${var.key}" }`, "cannot come from a sensitive variable"},
		"secret plain":  {`addon "dns" { text = "p" }`, "text takes secrets only"},
		"name of a pod": {`addon "db" "Big_One" {}`, "is not the name of an add-on"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := load(t, kinds, tc.text)
			require.Len(t, problems, 1)
			assert.Contains(t, problems[0].Detail, tc.want)
			assert.Equal(t, 10+strings.Count(tc.text, "\n"), problems[0].Places[0].Range.Start.Line)
			assert.NotContains(t, problems[0].Detail, "s3cret")
		})
	}
}
