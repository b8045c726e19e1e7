package inventory

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty/gocty"
)

// specOf makes a schema from a struct: one declaration is what is decoded, what
// is checked and what the reference says. Tags of a field:
//
//	hcl      as for gohcl: NAME, NAME,optional, NAME,block, NAME,label
//	doc      what it means
//	default  an HCL expression: a text has quotes of its own
//	kind     what it must look like: port, duration, CIDR, …; a|b for words,
//	         1..5 for whole numbers
//	secret   "true": takes sensitive values, and no others
//
// A wrong tag is a fault of the part and not of any inventory: it panics.
func specOf(of any) *blockSpec { return structSpec(reflect.TypeOf(of), fmt.Sprintf("%T", of)) }

func structSpec(t reflect.Type, part string) *blockSpec {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	spec := &blockSpec{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, how, _ := strings.Cut(field.Tag.Get("hcl"), ",")
		doc := field.Tag.Get("doc")
		switch how {
		case "block":
			inner := structSpec(field.Type, part)
			inner.Name, inner.Many = name, field.Type.Kind() == reflect.Slice
			if doc != "" {
				inner.Doc = doc
			}
			spec.Blocks = append(spec.Blocks, inner)
		case "label":
			spec.Label, spec.Doc = name, doc
		case "", "attr", "optional":
			if name == "" {
				continue
			}
			a := attrSpec{
				Name: name, Kind: kindOf(field), Doc: doc, Default: field.Tag.Get("default"),
				Required:  how != "optional" && field.Type.Kind() != reflect.Pointer,
				Secret:    field.Tag.Get("secret") == "true",
				Secretive: field.Tag.Get("secret") == "true",
			}
			if _, err := a.fallback(); a.Default != "" && err != nil {
				panic(fmt.Sprintf("fault of a part: the struct %s, attribute %s: the default %s %s", part, name, a.Default, err))
			}
			spec.Attrs = append(spec.Attrs, a)
		}
	}
	return spec
}

// kindOf is the kind that a field names, or that its type implies.
func kindOf(field reflect.StructField) kind {
	name := field.Tag.Get("kind")
	if words := strings.Split(name, "|"); len(words) > 1 {
		return oneOf(words...)
	}
	if from, to, ok := strings.Cut(name, ".."); ok {
		least, errLeast := strconv.ParseInt(from, 10, 64)
		most, errMost := strconv.ParseInt(to, 10, 64)
		if errLeast != nil || errMost != nil {
			panic("bounds that are no numbers: " + name)
		}
		return whole("number", least, most)
	}
	for _, k := range []kind{portKind(), durationKind(), cidrKind(), addressKind(), pathKind(), sizeKind(), endpointKind(),
		endpointsKind(), labelsKind(), domainKind(), countKind(), textKind(), versionKind(), argsKind(), objectKind()} {
		if k.Name == name {
			return k
		}
	}
	if name != "" {
		panic("no kind of attribute is called " + name)
	}
	implied, err := gocty.ImpliedType(reflect.Zero(field.Type).Interface())
	if err != nil {
		panic("field " + field.Name + ": " + err.Error())
	}
	if field.Type.Kind() == reflect.Int || field.Type.Kind() == reflect.Pointer && field.Type.Elem().Kind() == reflect.Int {
		return whole("whole number", -1<<31, 1<<53)
	}
	for _, k := range []kind{stringKind(), stringsKind(), boolKind(), labelsAny()} {
		if k.Type.Equals(implied) {
			return k
		}
	}
	return kind{Name: implied.FriendlyName(), Type: implied}
}

func labelsAny() kind {
	return pairs("map of strings", func(_, v string) error { return printable(v) })
}
