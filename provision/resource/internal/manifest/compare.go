package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"provision/provision/resource"
)

// Compare lists the fields of the manifest that the live object does not have.
func Compare(path string, want, have any) []resource.Change {
	switch want := want.(type) {
	case map[string]any:
		live, ok := have.(map[string]any)
		if !ok && len(want) > 0 {
			return differ(path, want, have)
		}
		var changes []resource.Change
		for _, key := range slices.Sorted(maps.Keys(want)) {
			changes = append(changes, Compare(join(path, key), want[key], live[key])...)
		}
		return changes
	case []any:
		return compareList(path, want, have)
	default:
		if equal(want, have) {
			return nil
		}
		return differ(path, want, have)
	}
}

// compareList pairs entries by name in the lists that Kubernetes merges by name:
// others may have added entries there. All other lists are compared as wholes,
// in order: a subject that somebody added to a binding is drift.
func compareList(path string, want []any, have any) []resource.Change {
	live, _ := have.([]any)
	if mergedByName(path) {
		return compareNamed(path, want, live)
	}
	if len(want) != len(live) {
		return differ(path, want, have)
	}
	var changes []resource.Change
	for i, entry := range want {
		changes = append(changes, Compare(fmt.Sprintf("%s[%d]", path, i), entry, live[i])...)
	}
	return changes
}

func mergedByName(path string) bool {
	field := path[strings.LastIndexByte(path, '.')+1:]
	return slices.Contains([]string{"containers", "initContainers", "env", "volumes", "ports", "imagePullSecrets"}, field)
}

func compareNamed(path string, want, live []any) []resource.Change {
	byName := map[string]any{}
	for _, entry := range live {
		if name, ok := asMap(entry)["name"].(string); ok {
			byName[name] = entry
		}
	}
	var changes []resource.Change
	for i, entry := range want {
		if name, ok := asMap(entry)["name"].(string); ok {
			changes = append(changes, Compare(fmt.Sprintf("%s[%s]", path, name), entry, byName[name])...)
			continue
		}
		var same any
		if i < len(live) {
			same = live[i]
		}
		changes = append(changes, Compare(fmt.Sprintf("%s[%d]", path, i), entry, same)...)
	}
	return changes
}

// equal compares scalars; the numbers of JSON and of Go have many types. A
// wanted zero is satisfied by a missing field: the API drops those.
func equal(want, have any) bool {
	if have == nil && (want == nil || reflect.ValueOf(want).IsZero()) {
		return true
	}
	a, errA := json.Marshal(want)
	b, errB := json.Marshal(have)
	return errA == nil && errB == nil && string(a) == string(b)
}

func differ(path string, want, have any) []resource.Change {
	return []resource.Change{{Field: path, Old: Short(have), New: Short(want)}}
}

// Short is a value for people.
func Short(value any) string {
	if value == nil {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		raw, err := json.Marshal(value)
		if err != nil {
			return "?"
		}
		text = string(raw)
	}
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func asMap(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}
