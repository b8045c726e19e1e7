package object

import (
	"maps"
	"slices"
	"strings"

	"provision/provision/cluster"
)

// dropped are the paths of fields that an earlier manifest of ours had, and this
// one has not: the API server keeps which fields we own.
func dropped(want, live map[string]any) []string {
	var object struct {
		Metadata struct {
			ManagedFields []struct {
				Manager, Operation string
				FieldsV1           map[string]any
			} `json:"managedFields"`
		} `json:"metadata"`
	}
	if cluster.Decode(live, &object) != nil {
		return nil // others write these records, too
	}
	found := map[string]bool{}
	for _, entry := range object.Metadata.ManagedFields {
		if entry.Manager == cluster.FieldManager && entry.Operation == "Apply" {
			walk("", entry.FieldsV1, want, found)
		}
	}
	delete(found, "metadata.annotations."+DigestAnnotation)
	return slices.Sorted(maps.Keys(found))
}

// walk follows the names of fields; entries of lists are not followed.
func walk(path string, owned, want map[string]any, found map[string]bool) {
	for _, key := range slices.Sorted(maps.Keys(owned)) {
		name, ok := strings.CutPrefix(key, "f:")
		if !ok {
			continue
		}
		field := strings.TrimPrefix(path+"."+name, ".")
		wanted, there := want[name]
		inner, _ := owned[key].(map[string]any)
		switch next, isMap := wanted.(map[string]any); {
		case isMap:
			walk(field, inner, next, found)
		case !there && field == "metadata.annotations":
			walk(field, inner, nil, found) // our own annotation is there at least
		case !there:
			found[field] = true
		}
	}
}

// value is that of a path whose keys may hold dots.
func value(object map[string]any, path string) any {
	if found, ok := object[path]; ok {
		return found
	}
	for i := range path {
		if path[i] == '.' {
			if inner, ok := object[path[:i]].(map[string]any); ok {
				if found := value(inner, path[i+1:]); found != nil {
					return found
				}
			}
		}
	}
	return nil
}
