package inventory_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"provision/provision/inventory"
)

// FuzzParse feeds anything as an inventory: no panic, no endless work, and
// exactly one of an inventory and an error.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/invalid/*.hcl", "../../inventories/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if filepath.Base(file) != "bombs.hcl" { // seconds long by design
				f.Add(src, "3")
			}
		}
	}
	f.Add([]byte(`variable "x" { type = map(list(number)) }`), `{ a = [1, "2"] }`)
	debug.SetMemoryLimit(1 << 30)
	f.Fuzz(func(t *testing.T, src []byte, value string) {
		opts := sealed()
		opts.Env = func(name string) (string, bool) { return value, name != "HOME" }
		began := time.Now()
		inv, list := inventory.Parse(t.Context(), map[string][]byte{"fuzz.hcl": src}, opts)
		if (inv == nil) != list.HasErrors() {
			t.Errorf("inventory %v with errors %v", inv != nil, list)
		}
		if inv != nil && len(inv.Hosts) == 0 {
			t.Error("an inventory without hosts is valid")
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("took %s", took)
		}
		_ = printed(t, list)
	})
}

// FuzzVarFile feeds anything as a var-file.
func FuzzVarFile(f *testing.F) {
	f.Add([]byte("a = 1\n"), "x.vars")
	f.Add([]byte(`{"a": [1, {"b": null}]}`), "x.json")
	f.Add([]byte("age-encryption.org/v1\n-> X25519 x\n"), "x.age")
	f.Add([]byte("-----BEGIN AGE ENCRYPTED FILE-----\n"), "x.age")
	f.Fuzz(func(t *testing.T, src []byte, name string) {
		opts := sealed()
		opts.ReadFile = func(string) ([]byte, error) { return src, nil }
		opts.VarFiles = []string{name}
		_, list := inventory.Parse(t.Context(), map[string][]byte{"i.hcl": []byte("variable \"a\" {\n default = 1\n}\n")}, opts)
		if !list.HasErrors() {
			t.Error("an inventory without a cluster is valid")
		}
	})
}
