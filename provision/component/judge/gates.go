package judge

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"provision/provision/diag"
	"provision/provision/inventory"
)

// gates is the list of Kubernetes' feature gates: all of its programs know all.
const gates = "kubernetes-gates"

// Gates judges feature gates of Kubernetes that the inventory has at a path.
func Gates(inv *inventory.Inventory, path []string, version string, given map[string]any) diag.List {
	var found diag.List
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if on, ok := given[name].(bool); ok { // other types are told by Fields
			found = append(found, gate(inv.Places.Near(append(slices.Clone(path), name)...), name, version, on)...)
		}
	}
	return found
}

// flagGates judges the flag: A=true,B=false.
func flagGates(inv *inventory.Inventory, at hcl.Range, version, text string) (found diag.List) {
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		on, err := strconv.ParseBool(value)
		if err != nil {
			found = append(found, diag.Errorf(at, "Wrong value of a flag", "Flag feature-gates takes NAME=true or NAME=false, several with commas, not %s.", diag.Quote(pair)))
			continue
		}
		found = append(found, gate(at, name, version, on)...)
	}
	return found
}

func gate(at hcl.Range, name, version string, on bool) diag.List {
	list := Of(gates, version)
	only, known := list.Names[name]
	switch {
	case !known:
		return diag.List{list.unknown(at, "feature gate", name, "Kubernetes", version)}
	case only != "" && only != fmt.Sprint(on) && list.Version == minor(version):
		return diag.List{diag.Errorf(at, "Feature gate is locked", "Kubernetes %s has %s = %s for good; leave it out.", version, name, only)}
	}
	return nil
}

// unknown tells of a flag or gate that is not in the list: an error if the list is
// of the program's own minor release.
func (l *List) unknown(at hcl.Range, what, name, program, version string) diag.Diagnostic {
	near := diag.DidYouMean(name, slices.Sorted(maps.Keys(l.Names)))
	if l.Version == minor(version) {
		return diag.Errorf(at, "Unknown "+what, "%s %s has no %s %s%s.", program, version, what, diag.Quote(name), near)
	}
	return diag.Warningf(at, "Unknown "+what, "%s %s has no %s %s, and provision does not know those of %s: a program that gets what it does not know does not start%s.",
		program, l.Version, what, diag.Quote(name), version, near)
}
