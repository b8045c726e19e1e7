package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
)

// DefaultStateDir holds one folder per lab.
const DefaultStateDir = "/var/lib/provision-lab"

// Kernel names are short (an interface has 15 bytes), so each is a prefix and
// a hash of the lab's folder: labs of one name in two state folders differ too.
func labID(stateDir, name string) string {
	sum := sha256.Sum256([]byte(filepath.Join(stateDir, name)))
	return hex.EncodeToString(sum[:])[:8]
}

func netnsName(id string) string  { return "provision-lab-" + id }
func bridgeName(id string) string { return "lab" + id }
func cgroupName(id string) string { return "provision-lab-" + id }

// machineName is what systemd-nspawn calls a host. It names the host's end on
// the bridge "vb-"+machine, which must stay below 16 bytes to be kept as it is.
func machineName(index int) string { return fmt.Sprintf("h%d", index) }

func linkName(machine string) string { return "vb-" + machine }

var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

func checkName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("cannot use %q as a lab's name: letters, digits, '-', '_' and '.' only, at most 63; pass --name", name)
	}
	return nil
}
