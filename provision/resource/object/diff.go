package object

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"provision/provision/resource"
)

// Diff lists the fields of the manifest that the live object does not have.
func (Kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Object == nil {
		return []resource.Change{{Field: "object", New: "created", Create: true}}
	}
	changes := compare("", want.Object, have.Object)
	if len(changes) > 0 {
		return changes
	}
	old := asMap(asMap(have.Object["metadata"])["annotations"])[DigestAnnotation]
	if fresh := digest(want.Object); old != fresh {
		// Every field is as wanted, but others may have been dropped.
		return []resource.Change{{Field: "manifest", Old: short(old), New: short(fresh)}}
	}
	return nil
}

func compare(path string, want, have any) []resource.Change {
	switch want := want.(type) {
	case map[string]any:
		live, ok := have.(map[string]any)
		if !ok && len(want) > 0 {
			return differ(path, want, have)
		}
		var changes []resource.Change
		for _, key := range slices.Sorted(maps.Keys(want)) {
			changes = append(changes, compare(join(path, key), want[key], live[key])...)
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

// compareList pairs entries by name where they have one: others may have added
// entries to such a list. All other lists are compared as wholes, in order.
func compareList(path string, want []any, have any) []resource.Change {
	live, _ := have.([]any)
	byName := map[any]any{}
	for _, entry := range live {
		if name, ok := asMap(entry)["name"]; ok {
			byName[name] = entry
		}
	}
	named := len(byName) == len(live)
	if !named && len(want) != len(live) || len(want) > len(live) {
		return differ(path, want, have)
	}
	var changes []resource.Change
	for i, entry := range want {
		name, has := asMap(entry)["name"]
		switch {
		case named && has:
			changes = append(changes, compare(fmt.Sprintf("%s[%v]", path, name), entry, byName[name])...)
		case len(want) != len(live):
			return differ(path, want, have)
		default:
			changes = append(changes, compare(fmt.Sprintf("%s[%d]", path, i), entry, live[i])...)
		}
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
	return []resource.Change{{Field: path, Old: short(have), New: short(want)}}
}

// short is a value for people.
func short(value any) string {
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
