package inventory_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
)

// withEnv is sealed with an environment.
func withEnv(env map[string]string) inventory.Options {
	opts := sealed()
	opts.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	return opts
}

const withMirror = `kubernetes {
  registry_mirrors = { "docker.io" = ["https://mirror.example"] }
  registry_auth    = %s
}
cluster "c" {}
`

func TestLoginsOfMirrorsAreSecrets(t *testing.T) {
	opts := withEnv(map[string]string{"LOGIN": "robot:hunter2"})
	inv := mustParse(t, fmt.Sprintf(withMirror, `{ "https://mirror.example" = sensitive(env("LOGIN")) }`), opts)
	login := inv.Kubernetes.RegistryAuth["https://mirror.example"]
	assert.Equal(t, "robot:hunter2", login.Reveal())
	assert.NotContains(t, fmt.Sprintf("%+v %#v", inv.Kubernetes, *inv), "hunter2")
}

func TestASecretWithoutAValueIsToldOnce(t *testing.T) {
	declared := "variable \"regpw\" {\n  sensitive = true\n}\n"
	login := fmt.Sprintf(withMirror, `{ "https://mirror.example" = "robot:${var.regpw}" }`)
	for name, opts := range map[string]inventory.Options{"no value": withEnv(nil), "in argv": withEnv(nil)} {
		if name == "in argv" {
			opts.Vars = map[string]string{"regpw": "1"}
		}
		_, list := parse(t, declared+login, opts)
		shown := printed(t, list)
		assert.Contains(t, shown, "PROVISION_VAR_regpw, or in a -var-file that is encrypted.", name)
		assert.NotContains(t, shown, "-var regpw", "what the next run would refuse")
		assert.Len(t, list, 1, shown)
	}
	_, list := parse(t, "variable \"regpw\" {}\n"+login, withEnv(nil))
	assert.Contains(t, printed(t, list), "by -var regpw=")
	assert.Len(t, list, 1, printed(t, list))
}

func TestProblemsWithSecretsDoNotQuoteThem(t *testing.T) {
	env := map[string]string{"LOGIN": "hunter2-alone", "PROVISION_VAR_pw": "hunter2"}
	sensitive := "variable \"pw\" {\n  type      = number\n  sensitive = true\n}\n"
	for name, test := range map[string]struct {
		src, says string
		vars      map[string]string
		files     map[string]string
	}{
		"not marked":       {src: fmt.Sprintf(withMirror, `{ "https://mirror.example" = "robot:hunter2" }`), says: "Not a secret"},
		"not a login":      {src: fmt.Sprintf(withMirror, `{ "https://mirror.example" = sensitive(env("LOGIN")) }`), says: "user:password"},
		"unknown mirror":   {src: fmt.Sprintf(withMirror, `{ "https://miror.example" = sensitive("robot:hunter2") }`), says: "did you mean"},
		"not a map":        {src: fmt.Sprintf(withMirror, `sensitive("hunter2")`), says: "must be a map"},
		"elsewhere":        {src: `cluster "c" { site = sensitive("hunter2") }`, says: "Sensitive value not allowed here"},
		"does not compute": {src: `cluster "c" { site = 1 + sensitive("hunter2") }`, says: "details are left out"},
		"wrong type":       {src: sensitive + `cluster "c" {}`, says: "not a number"},
		"wrong type, file": {src: sensitive + `cluster "c" {}`, files: map[string]string{"v": "pw = \"hunter2\"\n"}, says: "not a number"},
		"broken file":      {src: sensitive + `cluster "c" {}`, files: map[string]string{"v": "pw = \"hunter2\n"}, says: "on v line 1"},
		"unknown in file":  {src: sensitive + `cluster "c" {}`, files: map[string]string{"v": "pv = \"hunter2\"\n"}, says: "does not declare"},
		"in argv":          {src: sensitive + `cluster "c" {}`, vars: map[string]string{"pw": "1"}, says: "PROVISION_VAR_pw"},
		"wrong default":    {src: "variable \"x\" {\n  sensitive = true\n  type = number\n  default = \"hunter2\"\n}\ncluster \"c\" {}", says: "not a number"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := withEnv(env)
			if test.files != nil {
				without := maps.Clone(env)
				delete(without, "PROVISION_VAR_pw")
				opts = withEnv(without)
				opts.VarFiles = []string{"v"}
				opts.ReadFile = func(path string) ([]byte, error) { return []byte(test.files[path]), nil }
			}
			opts.Vars = test.vars
			inv, list := parse(t, test.src, opts)
			assert.Nil(t, inv)
			shown := printed(t, list)
			assert.Contains(t, shown, test.says)
			assert.NotContains(t, shown, "hunter")
			assert.NotContains(t, fmt.Sprintf("%+v", list.Err()), "hunter")
		})
	}
}

// digests are those of an inventory with these values.
func digests(t *testing.T, src string, opts inventory.Options) (all, public string) {
	t.Helper()
	inv := mustParse(t, src, opts)
	return inv.Digest.Reveal(), inv.PublicDigest
}

func TestThePublicDigestHoldsNoSecret(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "login")
	for name, test := range map[string]struct {
		src   string
		value func(opts *inventory.Options, to string)
	}{
		"environment": {fmt.Sprintf(withMirror, `{ "https://mirror.example" = sensitive(env("LOGIN")) }`), func(opts *inventory.Options, to string) {
			*opts = withEnv(map[string]string{"LOGIN": to})
		}},
		"file": {fmt.Sprintf(withMirror, `{ "https://mirror.example" = sensitive(file("`+path+`")) }`), func(opts *inventory.Options, to string) {
			require.NoError(t, os.WriteFile(path, []byte(to), 0o600))
			opts.ReadFile = os.ReadFile
		}},
		"sensitive variable": {"variable \"pw\" { sensitive = true }\ncluster \"c\" {}\n", func(opts *inventory.Options, to string) {
			*opts = withEnv(map[string]string{"PROVISION_VAR_pw": to})
		}},
		"var-file in clear": {"variable \"pw\" { sensitive = true }\ncluster \"c\" {}\n", func(opts *inventory.Options, to string) {
			opts.VarFiles = []string{"v"}
			opts.ReadFile = func(string) ([]byte, error) { return []byte("pw = \"" + to + "\"\n"), nil }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := sealed(), sealed()
			test.value(&one, "a:hunter2")
			all1, public1 := digests(t, test.src, one)
			test.value(&two, "a:hunter3")
			all2, public2 := digests(t, test.src, two)
			assert.Equal(t, public1, public2, "the secret could be tried out")
			assert.NotEqual(t, all1, all2, "a saved plan was made with another secret")
		})
	}
}

func TestThePublicDigestMovesWithTheRest(t *testing.T) {
	opts := sealed()
	_, before := digests(t, withSite, opts)
	opts.Vars = map[string]string{"site": "x"}
	_, after := digests(t, withSite, opts)
	assert.NotEqual(t, before, after)
	_, other := digests(t, withSite+"\n", sealed())
	assert.NotEqual(t, before, other)
	assert.Len(t, before, 64)
}
