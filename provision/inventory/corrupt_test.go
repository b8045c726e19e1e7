package inventory_test

import (
	"context"
	"os"
	"regexp"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/test/corrupt"
	"provision/test/faults"
)

// A damaged inventory is refused with problems, or is a whole one: it has a
// cluster's name, every role that it needs, and hosts of different names and
// addresses.
func TestDamagedInventories(t *testing.T) {
	samples := map[string][]byte{}
	for _, name := range []string{"single", "small", "lab", "datacenter"} {
		src, err := os.ReadFile("../../inventories/" + name + ".hcl")
		require.NoError(t, err)
		samples[name] = src
	}
	parse := func(in []byte) bool {
		inv, problems := inventory.Parse(t.Context(), map[string][]byte{"i.hcl": in}, sealed())
		if problems.HasErrors() {
			assert.Nil(t, inv)
			return false
		}
		names, addresses := map[string]bool{}, map[string]bool{}
		for _, h := range inv.Hosts {
			assert.False(t, names[h.Name] || addresses[h.Address.String()])
			names[h.Name], addresses[h.Address.String()] = true, true
			assert.NotEmpty(t, h.Roles)
		}
		for _, r := range []inventory.Role{inventory.RoleEtcd, inventory.RoleMaster, inventory.RoleNode} {
			assert.NotEmpty(t, inv.With(r), r)
		}
		assert.NotEmpty(t, inv.Cluster.Name)
		assert.False(t, inv.Network.Pods.Overlaps(inv.Network.Services))
		return true
	}
	tally := corrupt.Feed(t, 1, parse, samples["single"])
	tally = tally.Add(corrupt.FeedN(t, 4, corrupt.Many/20, parse, samples["small"], samples["lab"], samples["datacenter"]))
	faults.Record(t, "corrupt-inventory", "a damaged inventory is refused, or is a whole one", "the sample inventories, damaged",
		"%d inputs: %d refused, %d still whole (a comment, a name or a number changed)", tally.Inputs, tally.Rejected, tally.Accepted)
}

func TestDamagedVarFiles(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	const plain = `{"site": "east"}`
	sealedFile, armored := []byte(seal(t, plain, id.Recipient(), false)), []byte(seal(t, plain, id.Recipient(), true))
	load := func(name string, in []byte) (string, bool) {
		opts := sealed()
		opts.Env = func(name string) (string, bool) { return "keys", name == "PROVISION_AGE_KEY_FILE" }
		opts.ReadFile = func(path string) ([]byte, error) {
			if path == "keys" {
				return []byte(id.String() + "\n"), nil
			}
			return in, nil
		}
		opts.VarFiles = []string{name}
		inv, problems := inventory.Parse(t.Context(), map[string][]byte{"i.hcl": []byte(varInventory)}, opts)
		if problems.HasErrors() {
			return "", false
		}
		return inv.Cluster.Name, true
	}
	name, ok := load("x.json", sealedFile)
	require.True(t, ok)
	require.Equal(t, "c", name)
	encrypted := corrupt.FeedN(t, 2, corrupt.Many/2, func(in []byte) bool {
		_, ok := load("x.json", in)
		return ok
	}, sealedFile, armored)
	clear := corrupt.FeedN(t, 3, corrupt.Many/2, func(in []byte) bool {
		_, ok := load("x.json", in)
		return ok
	}, []byte(plain), []byte(`{"site": "east", "n": [1, {"a": null}]}`))
	faults.Record(t, "corrupt-var-file", "a damaged encrypted var-file is refused", "files of age, binary and armored, and plain JSON, damaged",
		"%d encrypted inputs: %d refused, %d with nothing changed that counts; %d plain ones without a panic", encrypted.Inputs, encrypted.Rejected, encrypted.Accepted, clear.Inputs)
}

// What sops answers is damaged: it never passes for something that is no secret,
// and no problem shows any of it.
func TestDamagedOutputOfSops(t *testing.T) {
	const canary = "K7qZx9vVw2Tr8pLm4"
	names := regexp.MustCompile(`sets "[^"]*"`)
	total := corrupt.Tally{}
	for name, sample := range map[string]string{
		"s.yaml": `{"token": "` + canary + `", "more": {"a": ["` + canary + `", 7]}}`,
		"s.vars": "token = \"" + canary + "\"\nmore = { a = [\"" + canary + "\", 7] }\n",
	} {
		opts := sealed()
		opts.ReadFile = files(map[string]string{"s.yaml": "site: ENC[x]\nsops:\n  mac: ENC[y]\n", "s.vars": `{"data": "ENC[x]", "sops": {}}`})
		opts.VarFiles = []string{name}
		load := func(in []byte, site string) (*inventory.Inventory, string) {
			opts.Run = func(context.Context, []string) ([]byte, error) { return in, nil }
			src := "variable \"token\" {}\nvariable \"more\" {}\ncluster \"c\" { site = " + site + " }\n" + host
			inv, problems := inventory.Parse(t.Context(), map[string][]byte{"i.hcl": []byte(src)}, opts)
			return inv, printed(t, problems)
		}
		whole, said := load([]byte(sample), `"east"`)
		require.NotNil(t, whole, "%s", said)
		tally := corrupt.FeedN(t, 5, corrupt.Many/4, func(in []byte) bool {
			inv, said := load(in, `"east"`)
			if inv != nil {
				shown, more := load(in, `"x${jsonencode([var.token, var.more])}"`)
				assert.Nil(t, shown, "a secret became a site")
				said += more
			}
			said = names.ReplaceAllString(said, "") // those of variables are no secret
			for i := range len(canary) - 6 {
				assert.NotContains(t, said, canary[i:i+6])
			}
			return inv != nil
		}, []byte(sample))
		assert.Positive(t, tally.Rejected)
		total = total.Add(tally)
	}
	faults.Record(t, "corrupt-sops", "damaged sops output is refused or stays secret; no problem shows any of it", "the JSON and the text that sops decrypts to, damaged",
		"%d inputs: %d refused, %d taken as secrets; 0 shown", total.Inputs, total.Rejected, total.Accepted)
}

const varInventory = `
variable "site" {
  default   = "west"
}
cluster "c" {}
host "a" {
  address = "192.0.2.1"
  roles   = ["etcd", "master", "node"]
}
`
