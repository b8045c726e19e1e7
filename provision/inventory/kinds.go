package inventory

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// kind is the type of an attribute, with what it must look like beyond its
// cty type.
type kind struct {
	Name  string // for the reference and for messages: "duration", "CIDR"
	Type  cty.Type
	Check func(cty.Value) error // of a known, non-null value; may be nil
}

func of(name string, check func(string) error) kind {
	return kind{Name: name, Type: cty.String, Check: func(v cty.Value) error { return check(v.AsString()) }}
}

func oneOf(words ...string) kind {
	return of("one of "+strings.Join(words, ", "), func(s string) error {
		for _, w := range words {
			if s == w {
				return nil
			}
		}
		return fmt.Errorf("%s is not one of %s%s", quote(s), strings.Join(words, ", "), didYouMean(s, words))
	})
}

// each checks every element of a list.
func each(name string, check func(string) error) kind {
	return kind{Name: name, Type: cty.List(cty.String), Check: func(v cty.Value) error {
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			if e.IsNull() {
				return fmt.Errorf("an element is null")
			}
			if err := check(e.AsString()); err != nil {
				return err
			}
		}
		return nil
	}}
}

// pairs checks every key and value of a map.
func pairs(name string, check func(k, v string) error) kind {
	return kind{Name: name, Type: cty.Map(cty.String), Check: func(v cty.Value) error {
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if e.IsNull() {
				return fmt.Errorf("the value of %s is null", quote(k.AsString()))
			}
			if err := check(k.AsString(), e.AsString()); err != nil {
				return err
			}
		}
		return nil
	}}
}

func whole(name string, least, most int64) kind {
	return kind{Name: name, Type: cty.Number, Check: func(v cty.Value) error {
		n, accuracy := v.AsBigFloat().Int64()
		if accuracy != 0 || n < least || n > most {
			return fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return nil
	}}
}
