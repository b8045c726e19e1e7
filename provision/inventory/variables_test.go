package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"os"
	"path/filepath"
	"provision/provision/parts"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/diag"
	"provision/provision/inventory"
)

const host = `
host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
`

// parse parses one file together with a host that makes it complete.
func parse(t *testing.T, src string, opts inventory.Options) (*inventory.Inventory, diag.List) {
	t.Helper()
	return inventory.Parse(t.Context(), map[string][]byte{"i.hcl": []byte(src + host)}, opts)
}

func mustParse(t *testing.T, src string, opts inventory.Options) *inventory.Inventory {
	t.Helper()
	inv, list := parse(t, src, opts)
	require.Empty(t, printed(t, list))
	return inv
}

// files serves ReadFile from memory.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if s, ok := m[path]; ok {
			return []byte(s), nil
		}
		return nil, os.ErrNotExist
	}
}

const withSite = `
variable "site" {
  type    = string
  default = "default"
}
cluster "c" { site = var.site }
`

func TestVariablePrecedence(t *testing.T) {
	opts := sealed()
	assert.Equal(t, "default", mustParse(t, withSite, opts).Cluster.Site)

	opts.Env = func(name string) (string, bool) { return "environment", name == "PROVISION_VAR_site" }
	assert.Equal(t, "environment", mustParse(t, withSite, opts).Cluster.Site)

	opts.ReadFile = files(map[string]string{"one": `site = "one"`, "two.json": `{"site": "two"}`})
	opts.VarFiles = []string{"one"}
	assert.Equal(t, "one", mustParse(t, withSite, opts).Cluster.Site)
	opts.VarFiles = []string{"one", "two.json"}
	assert.Equal(t, "two", mustParse(t, withSite, opts).Cluster.Site)

	opts.Vars = map[string]string{"site": "option"}
	assert.Equal(t, "option", mustParse(t, withSite, opts).Cluster.Site)
}

func TestVariableTypesFromText(t *testing.T) {
	src := `
variable "servers" { type = list(string) }
variable "manage" { type = bool }
cluster "c" {}
time {
  manage  = var.manage
  servers = var.servers
}
`
	opts := sealed()
	opts.Vars = map[string]string{"servers": `["a.example", "b.example"]`, "manage": "false"}
	inv := mustParse(t, src, opts)
	assert.Equal(t, []string{"a.example", "b.example"}, inv.Time.Servers)
	assert.False(t, inv.Time.Manage)

	opts.Vars["manage"] = "maybe"
	_, list := parse(t, src, opts)
	assert.Contains(t, printed(t, list), "manage")
}

func TestUnknownVariablesAreRefused(t *testing.T) {
	opts := sealed()
	opts.Vars = map[string]string{"sitee": "x"}
	opts.ReadFile = files(map[string]string{"f": "siet = 1\n"})
	opts.VarFiles = []string{"f", "missing"}
	_, list := parse(t, withSite, opts)
	text := printed(t, list)
	assert.Contains(t, text, `-var sets "sitee", which the inventory does not declare; did you mean "site"?`)
	assert.Contains(t, text, `"f" sets "siet"`)
	assert.Contains(t, text, "Cannot read the var-file")
}

func TestAgeVarFile(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	for _, armored := range []bool{false, true} {
		secret := seal(t, "token = \"s3cret\"\n", id.Recipient(), armored)
		opts := sealed()
		opts.Env = func(name string) (string, bool) { return "keys", name == "PROVISION_AGE_KEY_FILE" }
		opts.ReadFile = files(map[string]string{"keys": id.String() + "\n", "s.age": secret})
		opts.VarFiles = []string{"s.age"}
		opts.Parts = append(parts.All(), vault{})
		inv := mustParse(t, "variable \"token\" {}\ncluster \"c\" {}\nvault { token = var.token }\n", opts)
		assert.Equal(t, "s3cret", inv.Settings["vault"], "what was encrypted is sensitive, and taken where secrets are")
		assert.NotContains(t, inv.Sources, "s.age")

		_, list := parse(t, "variable \"token\" {}\ncluster \"c\" { site = var.token }\n", opts)
		assert.Contains(t, printed(t, list), "Sensitive value not allowed here")
		assert.NotContains(t, printed(t, list), "s3cret")
	}
}

func TestAgeWithoutTheRightKey(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	secret := seal(t, "token = 1\n", id.Recipient(), false)
	for keys, want := range map[string]string{
		other.String():                    "identity did not match",
		"AGE-SECRET-KEY-1NOTREALLYAKEY\n": "not a file of age identities",
		"":                                "no age identity",
	} {
		opts := sealed()
		opts.Env = func(name string) (string, bool) { return "/home/op", name == "HOME" }
		m := map[string]string{"s.age": secret}
		if keys != "" {
			m["/home/op/.config/sops/age/keys.txt"] = keys
		}
		opts.ReadFile, opts.VarFiles = files(m), []string{"s.age"}
		_, list := parse(t, "cluster \"c\" {}\n", opts)
		assert.Contains(t, printed(t, list), want)
		assert.NotContains(t, printed(t, list), "NOTREALLY")
	}
}

func TestSecretsInABrokenEncryptedFileAreNotShown(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	opts := sealed()
	opts.Env = func(name string) (string, bool) { return "keys", name == "PROVISION_AGE_KEY_FILE" }
	opts.ReadFile = files(map[string]string{"keys": id.String(), "s.age": seal(t, "token = hunter2\nx = \"hunter2\n", id.Recipient(), false)})
	opts.VarFiles = []string{"s.age"}
	_, list := parse(t, "variable \"token\" {}\ncluster \"c\" {}\n", opts)
	assert.True(t, list.HasErrors())
	assert.NotContains(t, printed(t, list), "hunter2")
}

func seal(t *testing.T, plain string, to age.Recipient, armored bool) string {
	t.Helper()
	var b bytes.Buffer
	dst := armor.NewWriter(&b)
	var w, err = age.Encrypt(&b, to)
	if armored {
		b.Reset()
		w, err = age.Encrypt(dst, to)
	}
	require.NoError(t, err)
	_, err = w.Write([]byte(plain))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	if armored {
		require.NoError(t, dst.Close())
	}
	return b.String()
}

func TestSopsVarFile(t *testing.T) {
	opts := sealed()
	opts.ReadFile = files(map[string]string{
		"s.yaml": "site: ENC[x]\nsops:\n  mac: ENC[y]\n",
		"s.vars": `{"data": "ENC[x]", "sops": {}}`,
	})
	var ran [][]string
	opts.Run = func(_ context.Context, argv []string) ([]byte, error) {
		ran = append(ran, argv)
		if argv[len(argv)-1] == "./s.yaml" {
			return []byte(`{"token": "s3cret"}`), nil
		}
		return []byte("token = \"s3cret\"\n"), nil
	}
	for _, name := range []string{"s.yaml", "s.vars"} {
		opts.VarFiles = []string{name}
		inv, list := parse(t, "variable \"token\" {}\ncluster \"c\" { site = \"x${length(var.token)}\" }\n", opts)
		assert.Nil(t, inv)
		assert.NotContains(t, printed(t, list), "s3cret")
		mustParse(t, "variable \"token\" {}\ncluster \"c\" {}\n", opts)
	}
	assert.Equal(t, []string{"sops", "-d", "--output-type", "json", "./s.yaml"}, ran[0])
	assert.Equal(t, []string{"sops", "-d", "--input-type", "binary", "--output-type", "binary", "./s.vars"}, ran[2])

	opts.Run = func(context.Context, []string) ([]byte, error) { return nil, errors.New("no such program") }
	_, list := parse(t, "cluster \"c\" {}\n", opts)
	assert.Contains(t, printed(t, list), "no such program")
}

func TestFileIsRelativeToTheInventory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "i.hcl"), []byte("cluster \"c\" { site = trimspace(file(\"site.txt\")) }\n"+host), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "site.txt"), []byte("here\n"), 0o600))
	inv := load(t, inventory.Options{Paths: []string{dir}})
	assert.Equal(t, "here", inv.Cluster.Site)
	before := inv.Digest
	require.NoError(t, os.WriteFile(filepath.Join(dir, "site.txt"), []byte("there\n"), 0o600))
	assert.NotEqual(t, before, load(t, inventory.Options{Paths: []string{dir}}).Digest, "files that were read count")
}

// vault is a part with a secret.
type vault struct{}

type vaultBlocks struct {
	Vault *struct {
		Token string `hcl:"token" secret:"true" doc:"What opens it."`
	} `hcl:"vault,block" doc:"A vault."`
}

func (vault) Name() string { return "vault" }
func (vault) Blocks() any  { return vaultBlocks{} }
func (vault) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var given vaultBlocks
	problems := gohcl.DecodeBody(body, nil, &given)
	if given.Vault == nil {
		return "", problems
	}
	return given.Vault.Token, problems
}
