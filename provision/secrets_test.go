package provision_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/test/faults"
)

// withLogin is load's inventory with a mirror and the login for it.
func withLogin(t *testing.T, file, login string) *inventory.Inventory {
	t.Helper()
	text := `cluster "sealed" { version = "1.37.1" }
ssh { user = "root" }
kubernetes {
  registry_mirrors = { "docker.io" = ["https://mirror.example"] }
  registry_auth    = { "https://mirror.example" = sensitive(env("LOGIN")) }
}
host "m1" {
  address = "10.200.0.11"
  roles   = ["etcd", "master"]
}
host "n[1-2]" {
  address = "10.200.1.[1-2]"
  roles   = ["node"]
}
`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: []string{file}, Env: func(name string) (string, bool) {
		return login, name == "LOGIN"
	}})
	require.NoError(t, problems.Err())
	return inv
}

// loginFile is where the login ends up.
const loginFile = "/etc/containerd/certs.d/docker.io/hosts.toml"

func changeOf(t *testing.T, p *plan.Plan, host string) resource.Change {
	t.Helper()
	for _, s := range p.Steps {
		if s.Address.Host == host && s.Address.Name == loginFile {
			require.Len(t, s.Changes, 1, "%v", s.Changes)
			return s.Changes[0]
		}
	}
	require.Fail(t, "the plan does not change "+loginFile)
	return resource.Change{}
}

// tells fails if a text tells a login, or what it could be tried against.
func tells(t *testing.T, text string, contents ...string) {
	t.Helper()
	for _, content := range contents {
		sum := sha256.Sum256([]byte(content))
		for _, form := range []string{content, base64.StdEncoding.EncodeToString([]byte(content)), hex.EncodeToString(sum[:])[:12]} {
			assert.NotContains(t, text, form)
		}
	}
}

func TestPlansTellWhichSecretsDifferAndNoMore(t *testing.T) {
	const one, two, three = "robot:hunter2", "robot:hunter3", "robot:hunter4"
	file := filepath.Join(t.TempDir(), "inventory.hcl") // its name is part of what is planned
	f := boot(t, withLogin(t, file, one), fleettest.Options{})
	var mu sync.Mutex
	var shown strings.Builder
	listen := func(o *provision.Options) {
		o.Sink = func(e event.Event) {
			raw, err := json.Marshal(e)
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&shown, "%s %v %v\n", raw, e, err)
		}
	}
	planned := func(login string) *plan.Plan {
		p, err := look(t, f, withLogin(t, file, login), listen)
		require.NoError(t, err)
		raw, err := json.Marshal(p)
		require.NoError(t, err)
		fmt.Fprintf(&shown, "%s %+v\n", raw, p)
		return p
	}

	fresh, again, other := planned(one), planned(one), planned(two)
	assert.Equal(t, "(new secret)", changeOf(t, fresh, "n1").New, "there is no key yet")
	assert.Equal(t, fresh.Hash(), again.Hash())
	assert.Equal(t, fresh.Hash(), other.Hash(), "nothing of the secret is in it")
	_, err := apply(t, f, withLogin(t, file, one), listen)
	require.NoError(t, err)
	assert.True(t, planned(one).Empty())

	first, second, third := planned(two), planned(two), planned(three)
	change := changeOf(t, first, "n1")
	assert.Regexp(t, "^secret [0-9a-f]{12}$", change.Old)
	assert.Regexp(t, "^secret [0-9a-f]{12}$", change.New)
	assert.Equal(t, change, changeOf(t, first, "n2"), "two hosts differ in the same way")
	assert.Equal(t, first.Hash(), second.Hash(), "a plan made anew is the same")
	assert.NotEqual(t, first.Hash(), third.Hash(), "another secret was not approved")
	assert.NotEqual(t, first.Inventory, third.Inventory)
	assert.Equal(t, change.Old, changeOf(t, third, "n1").Old)
	assert.NotEqual(t, change.New, changeOf(t, third, "n1").New)

	// A key of another cluster gives other digests of the same secrets.
	elsewhere := boot(t, withLogin(t, file, one), fleettest.Options{})
	_, err = apply(t, elsewhere, withLogin(t, file, one))
	require.NoError(t, err)
	p, err := look(t, elsewhere, withLogin(t, file, two))
	require.NoError(t, err)
	assert.NotEqual(t, change.New, changeOf(t, p, "n1").New)

	content, err := os.ReadFile(filepath.Join(f.Host("n1").Root, loginFile))
	require.NoError(t, err)
	tells(t, shown.String(), one, two, three, string(content), strings.Split(one, ":")[1])
	faults.Record(t, "secret-digests", "Plans show which secrets differ, the same in every run, and nothing to test passwords against",
		"three logins of a mirror planned one after the other, before and after the cluster is there, and on a second cluster",
		"%d bytes of plans and events: no login, no digest of one; two plans of one login are equal, of two they differ", shown.Len())
}
