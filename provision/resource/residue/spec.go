package residue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Kind is the kind's name in addresses.
const Kind = "residue"

// Spec says what may be left behind, in the order in which it is removed.
type Spec struct {
	// Groups are names of control groups, and Commands prefixes of the names of
	// processes, that are ended.
	Groups   []string `json:"groups,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// Mounts are prefixes of paths below which everything is unmounted.
	Mounts []string `json:"mounts,omitempty"`
	// Links are network interfaces.
	Links []string `json:"links,omitempty"`
	// Tables are of nftables: FAMILY NAME.
	Tables []string `json:"tables,omitempty"`
	// Routes are marks, as numbers of protocols, of routes in the main table.
	Routes []int `json:"routes,omitempty"`
	// Paths are emptied and removed.
	Paths []string `json:"paths,omitempty"`
	// Rereads are services that read their settings anew afterwards: what was
	// set in the paths holds until they do.
	Rereads []string `json:"rereads,omitempty"`
}

// State is what is written down.
type State struct {
	Noted bool `json:"noted"`
	Spec  Spec `json:"spec"`
	// Filled are the paths that had something in them before.
	Filled []string `json:"filled,omitempty"`
	// Stood are the paths that were folders before, with their owners and modes.
	Stood map[string]system.Attr `json:"stood,omitempty"`
}

// New wants the traces of a program to be known, and removed with it.
func New(host, name string, spec Spec) resource.Resource { return resource.New(host, Kind, name, spec) }

func plain(text string) bool { return names.Only(text, names.Alnum, names.Alnum+"._-", 255) }

func table(text string) bool {
	family, name, _ := strings.Cut(text, " ")
	return slices.Contains([]string{"ip", "ip6", "inet", "bridge", "netdev", "arp"}, family) && plain(name)
}

// lastOfOthers is the highest number that the kernel, administrators and
// programs that configure links mark their routes with.
const lastOfOthers = 18

// Check validates a spec: it names what will be destroyed.
func (kind) Check(name string, want Spec) error {
	for _, text := range slices.Concat([]string{name}, want.Groups, want.Commands, want.Links, want.Rereads) {
		if !plain(text) {
			return fmt.Errorf("%q is no name of a process, control group, interface or service", text)
		}
	}
	for _, text := range want.Tables {
		if !table(text) {
			return fmt.Errorf("%q is no nftables table; write FAMILY NAME", text)
		}
	}
	for _, mark := range want.Routes {
		if mark <= lastOfOthers || mark > 255 {
			return fmt.Errorf("routes of protocol %d may be anybody's; give a number from %d to 255", mark, lastOfOthers+1)
		}
	}
	for _, path := range slices.Concat(want.Mounts, want.Paths) {
		if !strings.HasPrefix(path, "/") || strings.Contains(path, "..") || strings.Count(strings.TrimRight(path, "/"), "/") < 2 {
			return fmt.Errorf("%q is no path that may be emptied; give an absolute one, two levels deep at least", path)
		}
	}
	return nil
}

// Diff compares what is written down.
func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if !have.Noted {
		return []resource.Change{{Field: "traces", New: "to be removed with it: " + want.summary(), Create: true}}
	}
	if a, b := want.summary(), have.Spec.summary(); a != b {
		return []resource.Change{{Field: "traces", Old: b, New: a}}
	}
	return nil
}

func (s Spec) summary() string {
	raw, _ := json.Marshal(s) // strings only: cannot fail
	return string(raw)
}
