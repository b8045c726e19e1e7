package identity

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/facts"
)

func TestReplaced(t *testing.T) {
	entry := facts.RosterHost{Name: "n1", MachineID: "aaaa", HostKey: "ssh-ed25519 AAAA1"}
	empty := facts.Owned{}
	tests := map[string]struct {
		entry   facts.RosterHost
		known   facts.Owned
		machine Machine
		says    string
	}{
		"the same, its ledger lost":       {entry, empty, Machine{"aaaa", "ssh-ed25519 AAAA1"}, ""},
		"another machine-id":              {entry, empty, Machine{"bbbb", "ssh-ed25519 AAAA1"}, "its machine-id is bbbb, that of the cluster's host was aaaa"},
		"no machine-id":                   {entry, empty, Machine{"", "ssh-ed25519 AAAA1"}, "its machine-id is empty"},
		"another key":                     {entry, empty, Machine{"aaaa", "ssh-ed25519 AAAA2"}, "SSH host key is not"},
		"a key of another type":           {entry, empty, Machine{"aaaa", "ecdsa-sha2-nistp256 AAAA3"}, ""},
		"all is new, but for the ledger":  {entry, facts.Owned{Identity: &facts.Identity{UUID: "u1"}}, Machine{"bbbb", "ssh-ed25519 AAAA2"}, ""},
		"half way into the cluster":       {entry, facts.Owned{Pending: &facts.Identity{UUID: "u1"}}, Machine{"bbbb", "ssh-ed25519 AAAA2"}, ""},
		"a roster of an earlier version":  {facts.RosterHost{Name: "n1"}, empty, Machine{"bbbb", "ssh-ed25519 AAAA2"}, ""},
		"one with a pin of the inventory": {facts.RosterHost{Name: "n1", HostKey: "SHA256:xyz"}, empty, Machine{"bbbb", "ssh-ed25519 AAAA2"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := Replaced(test.entry, test.known, test.machine)
			if test.says == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, test.says)
		})
	}
}
