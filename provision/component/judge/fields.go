package judge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"provision/provision/diag"
	"provision/provision/inventory"
)

// Fields judges what the inventory has at a path as fields of a configuration
// of the type of T, written as JSON: names, their case, and types. kind is what the
// configuration is called, version that of the program that reads it, known that
// of T: of another minor release fields may be others, so that unknown ones
// are warnings.
func Fields[T any](inv *inventory.Inventory, path []string, given map[string]any, kind, version, known string) diag.List {
	w := walker{inv: inv, kind: kind, version: version, lenient: minor(version) != minor(known)}
	w.walk(reflect.TypeFor[T](), given, path, len(path))
	return w.found
}

type walker struct {
	inv           *inventory.Inventory
	kind, version string
	lenient       bool
	found         diag.List
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// walk compares a value with a type. The path of the field within the
// configuration begins at the index from.
func (w *walker) walk(t reflect.Type, v any, path []string, from int) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v == nil { // as if it were not written
		return
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		raw, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(raw, reflect.New(t).Interface())
		}
		if err != nil {
			w.wrong(path, from, v, example(t))
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		w.object(t, v, path, from)
	case reflect.Map:
		fields, ok := v.(map[string]any)
		if !ok {
			w.wrong(path, from, v, "an object: { name = value }")
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			w.walk(t.Elem(), fields[name], below(path, name), from)
		}
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			w.wrong(path, from, v, "a list: [ … ]")
		}
		for i, element := range list {
			w.walk(t.Elem(), element, below(path, strconv.Itoa(i)), from)
		}
	default:
		if want := scalar(t, v); want != "" {
			w.wrong(path, from, v, want)
		}
	}
}

func (w *walker) object(t reflect.Type, v any, path []string, from int) {
	given, ok := v.(map[string]any)
	if !ok {
		w.wrong(path, from, v, "an object: { field = value }")
		return
	}
	known := fieldsOf(t)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if field, ok := known[name]; ok {
			w.walk(field, given[name], below(path, name), from)
			continue
		}
		where, at := w.kind, w.inv.Places.Near(below(path, name)...)
		if len(path) > from {
			where = strings.Join(path[from:], ".") + " of " + w.kind
		}
		if near := diag.DidYouMean(name, slices.Sorted(maps.Keys(known))); !w.lenient {
			w.found = append(w.found, diag.Errorf(at, "Unknown field", "There is no field %q in %s%s.", name, where, near))
		} else {
			w.found = append(w.found, diag.Warningf(at, "Field that provision does not know", "It knows no field %q in %s, and cannot tell for version %s%s.", name, where, w.version, near))
		}
	}
}

// fieldsOf are the fields of a struct by their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && (f.Anonymous || strings.Contains(rest, "inline")):
			maps.Copy(fields, fieldsOf(f.Type))
		default:
			fields[cmp.Or(name, f.Name)] = f.Type
		}
	}
	return fields
}

// scalar is what a value should be, "" when it is.
func scalar(t reflect.Type, v any) string {
	switch want := reflect.Zero(t); t.Kind() {
	case reflect.String:
		_, fits := v.(string)
		return unless(fits, "text in quotes")
	case reflect.Bool:
		_, fits := v.(bool)
		return unless(fits, "true or false, without quotes")
	case reflect.Float32, reflect.Float64:
		_, whole := v.(int64)
		_, fits := v.(float64)
		return unless(fits || whole, "a number, without quotes")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, whole := v.(int64)
		return unless(whole && !want.OverflowInt(n), ofBits(t, whole))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, whole := v.(int64)
		return unless(whole && n >= 0 && !want.OverflowUint(uint64(n)), ofBits(t, whole && n >= 0))
	}
	return ""
}

func ofBits(t reflect.Type, whole bool) string {
	if whole {
		return fmt.Sprintf("a number that fits into %d bits", t.Bits())
	}
	return "a whole number, without quotes"
}

func unless(fits bool, want string) string {
	if fits {
		return ""
	}
	return want
}

func example(t reflect.Type) string {
	if t == reflect.TypeFor[metav1.Duration]() {
		return `a duration such as "30s" or "5m"`
	}
	return `an amount such as "500m" or "2Gi"` // resource.Quantity
}

func (w *walker) wrong(path []string, from int, v any, want string) {
	w.found = append(w.found, diag.Errorf(w.inv.Places.Near(path...), "Wrong type", "%s of %s must be %s, not %s.",
		strings.Join(path[from:], "."), w.kind, want, shown(v)))
}

// shown is a value as the inventory writes it.
func shown(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return diag.Quote(v)
	}
	return fmt.Sprint(v)
}

func below(path []string, name string) []string { return append(slices.Clone(path), name) }

// minor is a version without its patch: 1.37.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}
