package inventory_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSecretsInTheFilesAreFoundOut(t *testing.T) {
	env := map[string]string{"LOGIN": "robot:hunter2", "PROVISION_VAR_pw": "hunter2"}
	mirror := func(login string) string { return fmt.Sprintf(withMirror, `{ "https://mirror.example" = `+login+` }`) }
	for name, test := range map[string]struct {
		src  string
		line int // 0: nothing is in clear
	}{
		"from the environment":       {mirror(`sensitive(env("LOGIN"))`), 0},
		"parts from the environment": {mirror(`sensitive("robot:${env("PROVISION_VAR_pw")}")`), 0},
		"a variable":                 {"variable \"pw\" {\n  sensitive = true\n}\n" + mirror(`"robot:${var.pw}"`), 0},
		"a literal":                  {mirror(`sensitive("robot:hunter2")`), 3},
		"a local":                    {"locals {\n  pw = \"hunter2\"\n}\n" + mirror(`sensitive("robot:${local.pw}")`), 2},
		"an escaped local":           {"locals {\n  pw = \"hunt\\u0065r2\"\n}\n" + mirror(`sensitive("robot:${local.pw}")`), 2},
		"a comment":                  {"# hunter2, ask Ann\n" + mirror(`sensitive(env("LOGIN"))`), 1},
		"a default":                  {"variable \"x\" {\n  sensitive = true\n  default = \"abcdef\"\n}\ncluster \"c\" {}\n", 3},
		"an empty default":           {"variable \"x\" {\n  sensitive = true\n  default = \"\"\n}\ncluster \"c\" {}\n", 0},
		"an unused local":            {"locals {\n  x = sensitive(\"abc\")\n}\ncluster \"c\" {}\n", 2},
	} {
		t.Run(name, func(t *testing.T) {
			inv := mustParse(t, test.src, withEnv(env))
			if test.line == 0 {
				assert.Empty(t, inv.Written.InClear)
				return
			}
			assert.Contains(t, inv.Written.InClear, fmt.Sprintf(" line %d holds a secret in clear", test.line))
			assert.NotContains(t, inv.Written.InClear, "hunter2")
		})
	}
}

func TestWhatIsWrittenIsKeptWithoutValues(t *testing.T) {
	opts := sealed()
	opts.VarFiles = []string{"v"}
	opts.ReadFile = func(string) ([]byte, error) { return []byte("site = \"east\"\n"), nil }
	inv := mustParse(t, withSite, opts)
	assert.Len(t, inv.Written.Files, 1)
	assert.Equal(t, []string{"site"}, inv.Written.Vars)
	assert.Len(t, inv.Written.VarFiles["v"].Reveal(), 64)
	assert.NotContains(t, fmt.Sprintf("%v", inv.Written.VarFiles), inv.Written.VarFiles["v"].Reveal())
}
