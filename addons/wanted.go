package addons

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"provision/addons/release"
	"provision/provision/component"
	"provision/provision/inventory"
)

// Wanted are the releases that an inventory asks for: of its add-on blocks and
// of the add-ons that are installed by default. Each names the releases of the
// add-ons that its own requires. Diagnostics point into the inventory.
func Wanted(catalogue []Addon, cluster *component.Cluster) ([]release.Release, hcl.Diagnostics) {
	configs, diagnostics := Decode(catalogue, cluster.Inventory)
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	var all []release.Release
	of := map[string][]string{} // add-on → its releases
	for _, addon := range catalogue {
		config, wanted := configs[addon.Name()]
		if !wanted {
			continue
		}
		releases, err := addon.Releases(cluster, config)
		if err != nil {
			diagnostics = append(diagnostics, &hcl.Diagnostic{
				Severity: hcl.DiagError, Summary: "Add-on cannot be prepared",
				Detail: fmt.Sprintf("add-on %s: %v", addon.Name(), err), Subject: place(cluster.Inventory, addon.Name()),
			})
		}
		for _, r := range releases {
			r.Addon = addon.Name()
			for _, needed := range addon.Requires() {
				r.Requires = append(r.Requires, of[needed]...)
			}
			of[r.Addon] = append(of[r.Addon], r.Name)
			all = append(all, r)
		}
	}
	return all, diagnostics
}

// Decode reads the settings of every add-on that an inventory asks for, and
// reports all problems at once. It needs no host, so validation calls it too.
func Decode(catalogue []Addon, inv *inventory.Inventory) (map[string]Config, hcl.Diagnostics) {
	var diagnostics hcl.Diagnostics
	configs := map[string]Config{}
	for _, block := range inv.Addons {
		if !slices.ContainsFunc(catalogue, func(a Addon) bool { return a.Name() == block.Name }) {
			diagnostics = append(diagnostics, unknown(catalogue, block))
		}
	}
	for _, addon := range catalogue {
		i := slices.IndexFunc(inv.Addons, func(block inventory.Addon) bool { return block.Name == addon.Name() })
		body, eval := hcl.EmptyBody(), (*hcl.EvalContext)(nil)
		switch {
		case i >= 0:
			body, eval = inv.Addons[i].Body, inv.Addons[i].Eval
		case !addon.Default():
			continue
		}
		config, problems := addon.Decode(body, eval)
		diagnostics = append(diagnostics, problems...)
		configs[addon.Name()] = config
	}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		diagnostics = append(diagnostics, missing(catalogue, configs, inv, name)...)
	}
	return configs, diagnostics
}

func missing(catalogue []Addon, configs map[string]Config, inv *inventory.Inventory, name string) hcl.Diagnostics {
	var diagnostics hcl.Diagnostics
	i := slices.IndexFunc(catalogue, func(a Addon) bool { return a.Name() == name })
	for _, needed := range catalogue[i].Requires() {
		if _, wanted := configs[needed]; !wanted {
			diagnostics = append(diagnostics, &hcl.Diagnostic{
				Severity: hcl.DiagError, Summary: "Add-on requires another",
				Detail: fmt.Sprintf("add-on %q works only with %q; add a block addon %q {}.", name, needed, needed), Subject: place(inv, name),
			})
		}
	}
	return diagnostics
}

func unknown(catalogue []Addon, block inventory.Addon) *hcl.Diagnostic {
	var names []string
	for _, addon := range catalogue {
		names = append(names, addon.Name())
	}
	slices.Sort(names)
	at := block.Range
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Unknown add-on",
		Detail: fmt.Sprintf("there is no add-on %q; there are: %s.", block.Name, strings.Join(names, ", ")), Subject: &at,
	}
}

func place(inv *inventory.Inventory, name string) *hcl.Range {
	for _, block := range inv.Addons {
		if block.Name == name {
			at := block.Range
			return &at
		}
	}
	at := inv.Cluster.Range
	return &at
}
