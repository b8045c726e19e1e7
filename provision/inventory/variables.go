package inventory

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"provision/provision/diag"
)

// variable is a declared one.
type variable struct {
	name      string
	at        hcl.Range
	typ       cty.Type // DynamicPseudoType when none is declared
	fallback  cty.Value
	sensitive bool
}

// given is a value from outside.
type given struct {
	v    cty.Value
	raw  *string // text of -var or the environment, typed by the declaration
	from string
	at   hcl.Range
	// quiet values do not go into the digest: the ciphertext is there instead.
	quiet bool
}

// fromArgs is where values of the command line come from.
const fromArgs = "-var"

// variables declares, finds values, and puts them into the context as var.
func (l *loader) variables(root *node, base *hcl.EvalContext) {
	declared := map[string]*variable{}
	for _, n := range root.blocks["variable"] {
		v := l.declare(n)
		if before, ok := declared[v.name]; ok {
			l.report(diag.Errorf(v.at, "A second variable of that name", "%s is declared twice.", quote(v.name)).And("the first is", before.at))
			continue
		}
		declared[v.name] = v
		l.guarded = l.guarded || v.sensitive
	}
	values := l.given(declared)
	vars := map[string]cty.Value{}
	for _, name := range sortedKeys(declared) {
		vars[name] = l.settle(declared[name], values)
	}
	l.written.Vars = sortedKeys(values)
	base.Variables = map[string]cty.Value{"var": cty.ObjectVal(vars)}
	root.blocks["variable"] = nil
}

// declare reads a variable block. Only constants may stand in it.
func (l *loader) declare(n *node) *variable {
	v := &variable{name: n.label, at: n.at, typ: cty.DynamicPseudoType}
	if !hclsyntax.ValidIdentifier(n.label) {
		l.report(diag.Errorf(n.at, "Invalid name", "%s cannot be the name of a variable: letters, digits and '_', a letter first.", quote(n.label)))
	}
	attrs := n.body.Attributes
	if a, ok := attrs["type"]; ok {
		t, diags := typeexpr.TypeConstraint(a.Expr)
		l.report(diag.FromHCL(diags)...)
		if !diags.HasErrors() {
			v.typ = t
		}
	}
	bare := &hcl.EvalContext{}
	for name, kind := range map[string]kind{"sensitive": boolKind(), "description": stringKind()} {
		if a, ok := attrs[name]; ok {
			if val, ok := l.attribute(attrSpec{Name: name, Kind: kind}, a.Expr, bare); ok && name == "sensitive" {
				v.sensitive = val.True()
			}
		}
	}
	if a, ok := attrs["default"]; ok {
		if val, ok := l.value(a.Expr, bare); ok {
			v.fallback = l.typed(v, val, a.Expr.Range(), "the default")
			l.inClear(v.sensitive, val, a.Expr.Range())
		} else {
			v.fallback = cty.DynamicVal
		}
	}
	return v
}

// given collects values from the environment, var-files and -var, the last
// winning.
func (l *loader) given(declared map[string]*variable) map[string]given {
	out := map[string]given{}
	var names []string
	for _, name := range sortedKeys(declared) {
		names = append(names, name)
		if raw, ok := l.opts.Env("PROVISION_VAR_" + name); ok {
			out[name] = given{raw: &raw, from: "the environment variable PROVISION_VAR_" + name}
		}
	}
	for _, path := range l.opts.VarFiles {
		for name, g := range l.varFile(path) {
			if _, ok := declared[name]; !ok {
				l.report(diag.Errorf(g.at, "Unknown variable", "%s sets %s, which the inventory does not declare%s.", quote(path), quote(name), didYouMean(name, names)))
				continue
			}
			out[name] = g
		}
	}
	for _, name := range sortedKeys(l.opts.Vars) {
		if _, ok := declared[name]; !ok {
			l.report(diag.Errorf(hcl.Range{}, "Unknown variable", "-var sets %s, which the inventory does not declare%s.", quote(name), didYouMean(name, names)))
			continue
		}
		raw := l.opts.Vars[name]
		out[name] = given{raw: &raw, from: fromArgs}
	}
	return out
}

// settle decides a variable's value.
func (l *loader) settle(v *variable, values map[string]given) cty.Value {
	g, ok := values[v.name]
	val := v.fallback
	switch {
	case !ok && val == cty.NilVal:
		return l.valueless(v)
	case ok && v.sensitive && g.from == fromArgs:
		l.report(diag.Errorf(v.at, "Secret on the command line", "%s is sensitive, and every user of this machine can read command lines: give it as PROVISION_VAR_%s, or in a -var-file that is encrypted.", quote(v.name), v.name))
		l.unset = true
		return cty.DynamicVal.Mark(sensitive)
	case ok && g.raw != nil:
		val = l.fromText(v, *g.raw, g.from)
	case ok:
		val = l.typed(v, g.v, g.at, g.from)
	}
	switch {
	case !ok || g.quiet:
	case v.sensitive:
		l.digest.addPrivate("var", v.name, []byte(val.GoString()))
	default:
		l.digest.add("var", v.name, []byte(val.GoString()))
	}
	if v.sensitive {
		val = val.Mark(sensitive)
	}
	return val
}

// valueless says how a variable is given. What it is used for is not complained of.
func (l *loader) valueless(v *variable) cty.Value {
	l.unset = true
	if v.sensitive {
		l.report(diag.Errorf(v.at, "Variable without a value", "%s has no default and is sensitive: give it as PROVISION_VAR_%s, or in a -var-file that is encrypted.", quote(v.name), v.name))
		return cty.DynamicVal.Mark(sensitive)
	}
	l.report(diag.Errorf(v.at, "Variable without a value", "%s has no default: give it by -var %s=…, in a -var-file, or as PROVISION_VAR_%s.", quote(v.name), v.name, v.name))
	return cty.DynamicVal
}

// fromText types a text: as it is for strings, else as an HCL expression
// without variables and functions.
func (l *loader) fromText(v *variable, raw, from string) cty.Value {
	if v.typ == cty.String || v.typ == cty.DynamicPseudoType {
		if len(raw) > maxFile {
			l.report(diag.Errorf(v.at, "Value too long", "The value of %s from %s has more than %d bytes.", quote(v.name), from, maxFile))
			return cty.DynamicVal
		}
		return cty.StringVal(raw)
	}
	bad := func(reason string) cty.Value {
		if v.sensitive {
			reason = "the details are left out because it is sensitive"
		}
		l.report(diag.Errorf(v.at, "Invalid value for a variable", "The value of %s from %s is not a %s: %s.", quote(v.name), from, v.typ.FriendlyName(), reason))
		return cty.DynamicVal
	}
	if list := scan([]byte(raw), from); len(list) > 0 {
		return bad(list[0].Summary)
	}
	expr, diags := hclsyntax.ParseExpression([]byte(raw), from, hcl.InitialPos)
	if diags.HasErrors() {
		return bad(diags[0].Summary)
	}
	val, diags := l.meter.wrap(expr).Value(&hcl.EvalContext{})
	if diags.HasErrors() {
		return bad(diags[0].Summary)
	}
	converted, err := convert.Convert(val, v.typ)
	if err != nil {
		return bad(err.Error())
	}
	return converted
}

// typed converts a value to the declared type.
func (l *loader) typed(v *variable, val cty.Value, at hcl.Range, from string) cty.Value {
	if v.typ == cty.DynamicPseudoType {
		return val
	}
	converted, err := convert.Convert(val, v.typ)
	if err != nil {
		reason := err.Error()
		if v.sensitive || val.ContainsMarked() {
			reason = "the details are left out because it is sensitive"
		}
		if at == (hcl.Range{}) {
			at = v.at
		}
		d := diag.Errorf(at, "Invalid value for a variable", "The value of %s from %s is not a %s: %s.", quote(v.name), from, v.typ.FriendlyName(), reason).And("declared", v.at)
		if v.sensitive {
			d = d.Hide()
		}
		l.report(d)
		return cty.DynamicVal
	}
	return converted
}
