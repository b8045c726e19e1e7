package addons

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"provision/addons/release"
	"provision/provision/component"
	"provision/provision/inventory"
)

// Wanted are the releases that an inventory asks for: of the instances that its
// addon blocks name, and of the kinds that are there by default. Each names the
// releases of the add-ons that its own requires. Diagnostics point into the
// inventory.
func Wanted(catalogue []Addon, cluster *component.Cluster) ([]release.Release, hcl.Diagnostics) {
	var all []release.Release
	var problems hcl.Diagnostics
	of, owner := map[string][]string{}, map[string]inventory.Addon{} // kind → its releases; release → whose it is
	for _, kind := range catalogue {
		for _, instance := range Instances(kind, cluster.Inventory) {
			releases, err := kind.Releases(cluster, instance)
			if err != nil {
				problems = append(problems, problem(instance, "Add-on cannot be prepared", "add-on %s: %v", instance, err))
			}
			for _, r := range releases {
				if other, taken := owner[r.Name]; taken {
					problems = append(problems, problem(instance, "Two releases of one name", "add-ons %s and %s both have a release %q; give one of them another name.", other, instance, r.Name))
					continue
				}
				owner[r.Name] = instance
				r.Addon = instance.Release()
				for _, needed := range kind.Requires() {
					r.Requires = append(r.Requires, of[needed]...)
				}
				of[kind.Name()] = append(of[kind.Name()], r.Name)
				all = append(all, r)
			}
		}
	}
	return all, problems
}

// Instances are those of a kind that an inventory asks for, or the one that is
// there by default.
func Instances(kind Addon, inv *inventory.Inventory) []inventory.Addon {
	var list []inventory.Addon
	for _, a := range inv.Addons {
		if a.Kind == kind.Name() {
			list = append(list, a)
		}
	}
	if len(list) == 0 && kind.Default() {
		config, _ := kind.Decode(inventory.Nothing(kind.Block()))
		list = []inventory.Addon{{Kind: kind.Name(), Name: kind.Name(), Config: config, Range: inv.Cluster.Range}}
	}
	return list
}

func problem(instance inventory.Addon, summary, format string, args ...any) *hcl.Diagnostic {
	at := instance.Range
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at}
}
