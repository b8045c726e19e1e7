package inventory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
)

// keeper is a component with HCL of its own everywhere, and a role.
type keeper struct{ decoded *int }

type keeperBlocks struct {
	Vaults []keeperVault `hcl:"vault,block" doc:"A vault."`
	Hosts  []keeperHost  `hcl:"host,block"`
	Etcd   *struct {
		Mirror string `hcl:"mirror,optional" default:"\"none\"" doc:"Where to."`
	} `hcl:"etcd,block"`
}

type keeperVault struct {
	Name string `hcl:"name,label"`
	Size int    `hcl:"size" kind:"1..10" doc:"How large."`
	Port int    `hcl:"port,optional" kind:"port" default:"7000" doc:"Where it answers."`
}

type keeperHost struct {
	Name string `hcl:"name,label"`
	Disk string `hcl:"disk,optional" kind:"absolute path" doc:"Its disk."`
	Bays []struct {
		Slot int `hcl:"slot" doc:"Number of the bay."`
	} `hcl:"bay,block" doc:"A bay."`
}

func (keeper) Name() string            { return "keeper" }
func (keeper) Roles() []inventory.Role { return []inventory.Role{"vault"} }
func (keeper) Blocks() any             { return keeperBlocks{} }
func (k keeper) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	if k.decoded != nil {
		*k.decoded++
	}
	var given keeperBlocks
	problems := gohcl.DecodeBody(body, nil, &given)
	for _, h := range given.Hosts {
		if h.Name == "v2" && h.Disk == "" {
			problems = append(problems, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "No disk", Detail: "v2 has no disk."})
		}
	}
	return given, problems
}

const kept = `variable "where" { default = "east" }
cluster "c" {}
vault "a" { size = 2 + 1 }
vault "b" {
  size = 1
  port = 7001
}
etcd { mirror = "in-${var.where}" }
host "v[1-2]" {
  address = "192.0.2.[21-22]"
  roles   = ["vault"]
  disk    = "/dev/${var.where}"
  bay { slot = 4 }
}
`

func keeping(parts ...inventory.Part) inventory.Options {
	opts := sealed()
	opts.Parts = parts
	return opts
}

func TestAPartDecodesWhatItOwnsOnce(t *testing.T) {
	times := 0
	inv := mustParse(t, kept, keeping(keeper{&times}))
	got := inventory.Settings[keeperBlocks](inv, keeper{})
	assert.Equal(t, []keeperVault{{"a", 3, 7000}, {"b", 1, 7001}}, got.Vaults)
	assert.Equal(t, "in-east", got.Etcd.Mirror)
	require.Len(t, got.Hosts, 3, "every host has one, by its name")
	byName := map[string]keeperHost{}
	for _, h := range got.Hosts {
		byName[h.Name] = h
	}
	assert.Equal(t, "/dev/east", byName["v2"].Disk)
	assert.Equal(t, 4, byName["v1"].Bays[0].Slot)
	assert.Empty(t, byName["a"].Disk)
	assert.Equal(t, 1, times)
	host, _ := inv.Host("v1")
	assert.True(t, host.Has("vault"))
	assert.Equal(t, "none", inventory.Settings[keeperBlocks](&inventory.Inventory{}, keeper{}).Etcd.Mirror, "of an inventory that says nothing")
}

// The same inventory is refused while nobody owns its words and its role.
func TestWordsAndRolesOfNobodyAreRefused(t *testing.T) {
	_, problems := parse(t, kept, keeping())
	text := printed(t, problems)
	for _, want := range []string{`There is no block "vault" at the top`, `There is no attribute "mirror" in etcd`,
		`There is no attribute "disk" in host`, `There is no block "bay" in host`, `Nothing uses the role "vault"; the roles are etcd, master, node.`} {
		assert.Contains(t, text, want)
	}
	for _, role := range []string{"registry", "storage"} {
		_, problems := parse(t, "cluster \"c\" {}\nhost \"b\" {\n  address = \"192.0.2.9\"\n  roles = [\""+role+"\"]\n}\n", sealed())
		require.Len(t, problems, 1, role)
		assert.Contains(t, problems[0].Detail, "Nothing uses the role")
		assert.Equal(t, 4, problems[0].Places[0].Range.Start.Line)
	}
}

func TestEveryProblemOfAPartIsToldAtOnce(t *testing.T) {
	_, problems := parse(t, `cluster "c" {}
vault "a" {
  size = 11
  prot = 1
}
vault "b" {}
host "v2" {
  address = "192.0.2.22"
  roles   = ["vault"]
  disk    = "dev"
  bay { slot = "four" }
}
`, keeping(keeper{}))
	text := printed(t, problems)
	for _, want := range []string{"size must be a whole number from 1 to 10", `did you mean "port"?`, "A vault block needs size", "i.hcl line 10", "slot must be a"} {
		assert.Contains(t, text, want)
	}
	assert.Len(t, problems, 5)
	_, problems = parse(t, "cluster \"c\" {}\nhost \"v2\" {\n  address = \"192.0.2.22\"\n  roles = [\"vault\"]\n}\n", keeping(keeper{}))
	require.Len(t, problems, 1)
	assert.Equal(t, "v2 has no disk.", problems[0].Detail, "what the part itself finds")
}

func TestSecretsGoWhereSecretsAreTakenOnly(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`size = sensitive(3)`, "cannot come from a sensitive variable"}, {`size = var.nothing`, "There is no var.nothing"},
	} {
		_, problems := parse(t, "cluster \"c\" {}\nvault \"a\" { "+tc.text+" }\n", keeping(keeper{}))
		require.Len(t, problems, 1)
		assert.Contains(t, problems[0].Detail, tc.want)
	}
}

// faulty has blocks whose author slipped.
type faulty struct{ blocks any }

func (faulty) Name() string                           { return "faulty" }
func (f faulty) Blocks() any                          { return f.blocks }
func (faulty) Decode(hcl.Body) (any, hcl.Diagnostics) { return nil, nil }

type faultyText struct {
	Vault *struct {
		Wait string `hcl:"wait,optional" kind:"duration" default:"30s" doc:"A text without quotes of its own."`
	} `hcl:"vault,block" doc:"A vault."`
}

type faultyName struct {
	Plugin *struct {
		Colour string `hcl:"colour,optional" kind:"red|blue" default:"red" doc:"A name, and no text."`
	} `hcl:"plugin,block"`
}

type faultyWord struct {
	Etcd *struct {
		Inner *struct {
			Colour string `hcl:"colour,optional" kind:"red|blue" default:"\"green\"" doc:"None of the words."`
		} `hcl:"inner,block" doc:"A block."`
	} `hcl:"etcd,block"`
}

type faultyNumber struct {
	Hosts []struct {
		Name string `hcl:"name,label"`
		Slot int    `hcl:"slot,optional" kind:"1..10" default:"[1]" doc:"A list."`
	} `hcl:"host,block"`
}

type faultyNull struct {
	Vault *struct {
		Port int `hcl:"port,optional" kind:"port" default:"null" doc:"Nothing."`
	} `hcl:"vault,block" doc:"A vault."`
}

// A wrong default is told as what it is, whoever wrote what inventory.
func TestAWrongDefaultIsAFaultOfThePart(t *testing.T) {
	for want, blocks := range map[string]any{
		"inventory_test.faultyText, attribute wait: the default 30s is no HCL expression":                                                 faultyText{},
		"inventory_test.faultyName, attribute colour: the default red is no HCL expression":                                               faultyName{},
		`inventory_test.faultyWord, attribute colour: the default "green" does not fit its kind, one of red, blue: "green" is not one of`: faultyWord{},
		"inventory_test.faultyNumber, attribute slot: the default [1] does not fit its kind, number":                                      faultyNumber{},
		"inventory_test.faultyNull, attribute port: the default null is null":                                                             faultyNull{},
	} {
		for name, use := range map[string]func(){
			"loaded":     func() { parse(t, "cluster \"c\" {}\n", keeping(faulty{blocks})) },
			"not loaded": func() { inventory.Nothing(blocks) },
		} {
			told := ""
			func() {
				defer func() { told, _ = recover().(string) }()
				use()
			}()
			assert.Contains(t, told, want, name)
		}
	}
}

// bare is a network without settings.
type bare struct{}

type bareBlocks struct {
	Plugin *struct{} `hcl:"plugin,block"`
}

func (bare) Name() string { return "bare" }
func (bare) Blocks() any  { return bareBlocks{} }
func (bare) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	var given bareBlocks
	problems := gohcl.DecodeBody(body, nil, &given)
	return given, problems
}

func TestANetworkMayHaveNoSettings(t *testing.T) {
	inv := mustParse(t, "cluster \"c\" {}\nnetwork {\n plugin \"bare\" {}\n}\n", keeping(bare{}))
	assert.Equal(t, "bare", inv.Network.Plugin.Name)
	assert.NotNil(t, inventory.Settings[bareBlocks](inv, bare{}).Plugin)
	inv = mustParse(t, "cluster \"c\" {}\n", keeping(bare{}))
	assert.Nil(t, inventory.Settings[bareBlocks](inv, bare{}).Plugin, "another is chosen")
	_, problems := parse(t, "cluster \"c\" {}\nnetwork {\n plugin \"bare\" { a = 1 }\n}\n", keeping(bare{}))
	assert.Contains(t, printed(t, problems), `There is no attribute "a" in plugin`)
}

// kindOnce and kindMany are kinds of add-ons.
type kindOnce struct{}

func (kindOnce) Name() string                           { return "once" }
func (kindOnce) Block() any                             { return struct{}{} }
func (kindOnce) Decode(hcl.Body) (any, hcl.Diagnostics) { return nil, nil }
func (kindOnce) Default() bool                          { return false }
func (kindOnce) Several() bool                          { return false }
func (kindOnce) Requires() []string                     { return nil }

type kindMany struct{ kindOnce }

func (kindMany) Name() string  { return "many" }
func (kindMany) Several() bool { return true }

// mirrored needs an attribute of its own in the block etcd.
type mirrored struct{ decoded *int }

type mirroredBlocks struct {
	Etcd *struct {
		Mirror string `hcl:"mirror" doc:"Where to."`
	} `hcl:"etcd,block"`
}

func (mirrored) Name() string { return "mirrored" }
func (mirrored) Blocks() any  { return mirroredBlocks{} }
func (m mirrored) Decode(body hcl.Body) (any, hcl.Diagnostics) {
	*m.decoded++
	var given mirroredBlocks
	problems := gohcl.DecodeBody(body, nil, &given)
	return given, problems
}

// What a part needs in the block etcd is asked for at a line, whether or not the
// block is written, and the part is not asked to decode without it.
func TestWhatAPartNeedsInEtcdIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		text    string
		want    string
		line    int
		decoded int
	}{
		"no block":     {"cluster \"c\" {}\n", "An etcd block needs mirror: Where to.", 1, 0},
		"a block":      {"cluster \"c\" {}\netcd {\n  quota_bytes = 1073741824\n}\n", "An etcd block needs mirror: Where to.", 2, 0},
		"null":         {"cluster \"c\" {}\netcd {\n  mirror = null\n}\n", "An etcd block needs mirror: Where to.", 3, 0},
		"a wrong type": {"cluster \"c\" {}\netcd {\n  mirror = [1]\n}\n", "mirror must be a string: string required, but have tuple.", 3, 0},
		"with it":      {"cluster \"c\" {}\netcd {\n  mirror = \"x\"\n}\n", "", 0, 1},
		"a slip in it": {"cluster \"c\" {}\netcd {\n  miror = \"x\"\n}\n", `There is no attribute "miror" in etcd; did you mean "mirror"?`, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			times := 0
			inv, problems := parse(t, tc.text, keeping(mirrored{&times}))
			assert.Equal(t, tc.decoded, times)
			if tc.want == "" {
				require.Empty(t, problems)
				assert.Equal(t, "x", inventory.Settings[mirroredBlocks](inv, mirrored{&times}).Etcd.Mirror)
				return
			}
			text := printed(t, problems)
			assert.Contains(t, text, tc.want)
			for _, p := range problems {
				if strings.Contains(p.Detail, "mirror") {
					require.NotEmpty(t, p.Places, p.Detail)
				}
			}
			assert.Contains(t, text, fmt.Sprintf("i.hcl line %d", tc.line))
		})
	}
}
