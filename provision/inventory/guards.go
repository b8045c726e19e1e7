package inventory

import (
	"errors"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// errTooLarge is what a guarded function says instead of filling the memory.
func errTooLarge() error { return errors.New("the result would be too large") }

// guarded puts a check of the arguments before a library function.
func guarded(f function.Function, check func([]cty.Value) error) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(), VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := checkKnown(args, check); err != nil {
				return cty.NilType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

func checkKnown(args []cty.Value, check func([]cty.Value) error) error {
	plain := make([]cty.Value, len(args))
	for i, a := range args {
		plain[i], _ = a.UnmarkDeep()
		if !plain[i].IsWhollyKnown() {
			return nil
		}
	}
	return check(plain)
}

func text(v cty.Value) string {
	if v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

func guardFormat(args []cty.Value) error {
	if len(args) == 0 {
		return nil
	}
	if matches(text(args[0]), `(?s).*%[^%a-zA-Z]*[0-9]{4,}.*`) || strings.Contains(text(args[0]), "*") {
		return errors.New("widths in a format have at most three digits")
	}
	for _, a := range args[1:] {
		if err := guardNumbers(a); err != nil {
			return err
		}
	}
	return nil
}

// guardNumbers refuses text that becomes a number of millions of digits.
func guardNumbers(v cty.Value) error {
	if v.IsNull() {
		return nil
	}
	if s := text(v); strings.ContainsAny(s, "eE") && hugeNumber(s) && len(s) <= 64 && matches(s, `\s*[+-]?[0-9.]+[eE][+-]?[0-9]+\s*`) {
		return errTooLarge()
	}
	if v.CanIterateElements() {
		for it := v.ElementIterator(); it.Next(); {
			if _, e := it.Element(); guardNumbers(e) != nil {
				return errTooLarge()
			}
		}
	}
	return nil
}

func guardJoin(args []cty.Value) error {
	total, elements := int64(0), int64(0)
	for _, a := range args[min(1, len(args)):] {
		cost, _ := weigh(a)
		total += cost
		if !a.IsNull() && a.CanIterateElements() {
			elements += int64(a.LengthInt())
		}
	}
	if total+elements*int64(len(text(args[0]))) > maxFile {
		return errTooLarge()
	}
	return nil
}

func guardReplace(args []cty.Value) error {
	in, with := len(text(args[0])), len(text(args[2]))
	if (in+1)*(with+1) > 4*maxFile {
		return errTooLarge()
	}
	return nil
}

func guardDistinct(args []cty.Value) error {
	if !args[0].IsNull() && args[0].CanIterateElements() && args[0].LengthInt() > 2000 {
		return errTooLarge()
	}
	return nil
}

func guardProduct(args []cty.Value) error {
	n := 1
	for _, a := range args {
		if a.IsNull() || !a.CanIterateElements() {
			return nil
		}
		if n *= a.LengthInt(); n > 100_000 {
			return errTooLarge()
		}
	}
	return nil
}

func guardJSON(args []cty.Value) error { return jsonDepth(text(args[0])) }

// jsonDepth refuses JSON that a recursive reader would drown in.
func jsonDepth(s string) error {
	depth, most := 0, 0
	for _, r := range s {
		switch r {
		case '[', '{':
			depth++
			most = max(most, depth)
		case ']', '}':
			depth--
		}
	}
	if most > maxDepth {
		return errors.New("nested too deeply")
	}
	return nil
}
