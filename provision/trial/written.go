package trial

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// maxPlaces bounds how many places are told when none is known to be the one.
const maxPlaces = 6

// key finds the name of a setting in a changed line of a file: YAML, JSON, TOML or a
// program's flag.
var key = regexp.MustCompile(`(?m)^[+-]\s*(?:- )?["']?-{0,2}([A-Za-z][A-Za-z0-9_.-]*)["']?\s*[:=]`)

// Written are the settings of the inventory that the differing resources are made of,
// as "FILE:LINE: PATH": those whose name is in a line that differs, else all.
func Written(places inventory.Places, wanted []resource.Resource, differ []api.PlanItem) []string {
	named, all := map[string]bool{}, map[string]bool{}
	for _, r := range wanted {
		at := slices.IndexFunc(differ, func(item api.PlanItem) bool { return item.ID == r.Address.ID() })
		if at < 0 {
			continue
		}
		keys := changed(differ[at].Changes)
		for path := range places {
			if !slices.ContainsFunc(r.Sources, func(source string) bool { return path == source || strings.HasPrefix(path, source+".") }) {
				continue
			}
			all[path] = true
			leaf := plain(path[strings.LastIndex(path, ".")+1:])
			if slices.ContainsFunc(keys, func(k string) bool { return leaf == k || len(k) > 2 && strings.HasSuffix(leaf, k) }) {
				named[path] = true
			}
		}
	}
	if len(named) == 0 {
		named = all
	}
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(named)) {
		at := places[path]
		lines = append(lines, fmt.Sprintf("%s:%d: %s", at.Filename, at.Start.Line, path))
	}
	return lines[:min(len(lines), maxPlaces)]
}

// changed are the names in the lines that differ.
func changed(changes []resource.Change) (keys []string) {
	for _, c := range changes {
		if c.Field != "diff" {
			continue
		}
		for _, match := range key.FindAllStringSubmatch(c.New, -1) {
			keys = append(keys, plain(match[1]))
		}
	}
	return keys
}

// plain makes proxy_mode and proxyMode the same.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
}
