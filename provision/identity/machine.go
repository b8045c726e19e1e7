package identity

import (
	"fmt"
	"strings"

	"provision/provision/facts"
)

// Machine is what tells the machine that answered under a host's name from
// another one.
type Machine struct {
	ID  string // /etc/machine-id
	Key string // the SSH host key that it showed: "ssh-ed25519 AAAA…"
}

// Replaced says in what way a machine that belongs to no cluster is another one
// than the roster's of that name; "" when it is the same, or when the roster
// does not say. A machine with a ledger is what its ledger says.
func Replaced(entry facts.RosterHost, known facts.Owned, machine Machine) string {
	if known.Identity != nil || known.Pending != nil {
		return ""
	}
	if entry.MachineID != "" && machine.ID != entry.MachineID {
		return fmt.Sprintf("its machine-id is %s, that of the cluster's host was %s", orNone(machine.ID), entry.MachineID)
	}
	// A host has several keys, and others may have seen another of them.
	was, _, ok := strings.Cut(entry.HostKey, " ")
	if is, _, _ := strings.Cut(machine.Key, " "); ok && is == was && machine.Key != entry.HostKey {
		return "its SSH host key is not that of the cluster's host"
	}
	return ""
}

func orNone(text string) string {
	if text == "" {
		return "empty"
	}
	return text
}
