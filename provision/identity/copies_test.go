package identity

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

func TestCopiesOfKeysThatAreUnlikeAreNamed(t *testing.T) {
	master := func(name string) inventory.Host {
		return inventory.Host{Name: name, Roles: []inventory.Role{inventory.RoleMaster}}
	}
	holds := func(digest string, damaged bool) facts.Owned {
		return facts.Owned{Identity: &facts.Identity{UUID: "u"}, Copies: map[string]facts.Copy{system.Encryption: {Digest: digest, Damaged: damaged}}}
	}
	late, aside := holds("b", false), holds("b", false)
	late.Identity.Generation, aside.Unsettled = -1, true
	for name, c := range map[string]struct {
		third, second facts.Owned
		says          []string
	}{
		"alike":           {holds("a", false), holds("a", false), nil},
		"one is another":  {holds("b", false), holds("a", false), []string{"host m3: /var/lib/provision/identity/encryption.yaml differs from the one on m1, m2"}},
		"one is damaged":  {holds("x", true), holds("a", false), []string{"host m3: /var/lib/provision/identity/encryption.yaml is damaged; remove it there"}},
		"two are damaged": {holds("x", true), holds("x", true), []string{"host m2, m3:"}},
		"not there":       {facts.Owned{Identity: &facts.Identity{UUID: "u"}}, holds("a", false), nil},
		"one against one": {facts.Owned{Identity: &facts.Identity{UUID: "u"}}, holds("b", false), []string{"hosts m1 and m2: "}},
		"not rotated yet": {late, holds("a", false), nil},
		"being told":      {aside, holds("a", false), nil},
	} {
		t.Run(name, func(t *testing.T) {
			inv := &inventory.Inventory{Hosts: []inventory.Host{master("m1"), master("m2"), master("m3"), {Name: "n1", Roles: []inventory.Role{inventory.RoleNode}}}}
			owned := map[string]facts.Owned{"m1": holds("a", false), "m2": c.second, "m3": c.third, "n1": holds("z", false)}
			bad := Unlike(inv, owned)
			assert.Len(t, bad, len(c.says), "%v", bad)
			for i, text := range c.says {
				assert.ErrorContains(t, bad[i], text)
			}
		})
	}
	alone := &inventory.Inventory{Hosts: []inventory.Host{master("m1")}}
	bad := Unlike(alone, map[string]facts.Owned{"m1": holds("x", true)})
	assert.Len(t, bad, 1)
	assert.ErrorContains(t, bad[0], "no host has a good copy")
	assert.Empty(t, Unlike(alone, nil), "no cluster yet")
}
