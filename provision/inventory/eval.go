package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"provision/provision/diag"
)

// evaluate fills in the attributes of a node and of those in it.
func (l *loader) evaluate(n *node) {
	n.attrs = map[string]value{}
	for _, spec := range n.spec.Attrs {
		a, written := (*hclsyntax.Attribute)(nil), false
		if n.body != nil {
			a, written = n.body.Attributes[spec.Name]
		}
		switch {
		case written:
			told := len(l.diags)
			if v, ok := l.attribute(spec, a.Expr, n.eval); ok {
				n.attrs[spec.Name] = value{v: v, at: a.Expr.Range(), set: true}
				continue
			}
			if spec.Required && len(l.diags) == told && !l.unset && !l.meter.reported.Load() { // null
				l.report(diag.Errorf(a.Expr.Range(), "Missing attribute", "%s block needs %s: %s", article(n.spec.Name), spec.Name, spec.Doc))
			}
			if spec.Default == "" {
				continue
			}
		case spec.Required && (n.body != nil || spec.Owner != ""):
			l.report(diag.Errorf(n.at, "Missing attribute", "%s block needs %s: %s", article(n.spec.Name), spec.Name, spec.Doc))
			continue
		}
		if spec.Default != "" {
			v, _ := spec.fallback() // those of parts were checked by specOf, the engine's by a test
			n.attrs[spec.Name] = value{v: v, at: n.at}
		}
	}
	for _, spec := range n.spec.Blocks {
		if len(n.blocks[spec.Name]) == 0 && !spec.Many && !spec.Open && spec.Choices == nil {
			if n.blocks == nil {
				n.blocks = map[string][]*node{}
			}
			n.blocks[spec.Name] = []*node{n.only(spec.Name)}
		}
		for _, child := range n.blocks[spec.Name] {
			if !spec.Open {
				l.evaluate(child)
			}
		}
	}
}

func article(name string) string {
	if strings.ContainsRune("aeio", rune(name[0])) {
		return "An " + name
	}
	return "A " + name
}

// attribute evaluates one expression and checks it against its kind. A null
// counts as not written.
func (l *loader) attribute(spec attrSpec, expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, bool) {
	v, ok := l.value(expr, ctx)
	if !ok || v.IsNull() && !v.IsMarked() {
		return cty.NilVal, false
	}
	at := expr.Range()
	switch marked := v.ContainsMarked(); {
	case spec.Secret && !marked && v.IsWhollyKnown(): // else the reason is told already
		l.report(diag.Errorf(at, "Not a secret",
			"%s takes secrets only, which must be marked, so that they are never shown: write sensitive(env(\"NAME\")), sensitive(file(\"PATH\")) or a variable from an encrypted -var-file.", spec.Name).Hide())
		return cty.NilVal, false
	case spec.Secret:
		v, _ = v.UnmarkDeep()
		l.reveal(v)
	case marked:
		d := diag.Errorf(at, "Sensitive value not allowed here",
			"The value of %s is shown in plans or ends up in files and command lines that others can read, so it cannot come from a sensitive variable.", spec.Name)
		if callsSensitive(expr) { // perhaps of a literal
			d = d.Hide()
		}
		l.report(d)
		return cty.NilVal, false
	}
	return l.conform(spec, v, at)
}

func (l *loader) conform(spec attrSpec, v cty.Value, at hcl.Range) (cty.Value, bool) {
	if spec.Kind.Type != cty.DynamicPseudoType {
		converted, err := convert.Convert(v, spec.Kind.Type)
		if err != nil && spec.Secret {
			err = errors.New("the details are left out because it is a secret")
		}
		if err != nil {
			d := diag.Errorf(at, "Wrong type", "%s must be a %s: %s.", spec.Name, spec.Kind.Name, err)
			if spec.Secretive {
				d = d.Hide()
			}
			l.report(d)
			return cty.NilVal, false
		}
		v = converted
	}
	if !v.IsWhollyKnown() {
		if !l.meter.reported.Load() && !l.unset {
			l.report(diag.Errorf(at, "Unknown value", "The value of %s cannot be worked out here.", spec.Name))
		}
		return cty.NilVal, false
	}
	if _, huge := weigh(v); huge {
		l.report(diag.Errorf(at, "Number out of bounds", "%s holds a number that is too large to be of use.", spec.Name))
		return cty.NilVal, false
	}
	if spec.Kind.Check != nil {
		if err := spec.Kind.Check(v); err != nil {
			detail := sentence(err)
			if strings.HasPrefix(err.Error(), "must") {
				detail = spec.Name + " " + err.Error()
			}
			d := diag.Errorf(at, fmt.Sprintf("Invalid %s", spec.Name), "%s.", detail)
			if spec.Secretive {
				d = d.Hide()
			}
			l.report(d)
			return cty.NilVal, false
		}
	}
	return v, true
}

// fallback evaluates the default, and says why it cannot be one.
func (a attrSpec) fallback() (cty.Value, error) {
	expr, diags := hclsyntax.ParseExpression([]byte(a.Default), "default", hcl.InitialPos)
	v := cty.NilVal
	if !diags.HasErrors() {
		v, diags = expr.Value(nil)
	}
	if diags.HasErrors() {
		return v, fmt.Errorf("is no HCL expression of constants (a text has quotes of its own): %s", diags[0].Detail)
	}
	if a.Kind.Type != cty.DynamicPseudoType {
		converted, err := convert.Convert(v, a.Kind.Type)
		if err != nil {
			return v, fmt.Errorf("does not fit its kind, %s: %w", a.Kind.Name, err)
		}
		v = converted
	}
	if v.IsNull() {
		return v, errors.New("is null; leave the tag out")
	}
	if a.Kind.Check != nil {
		if err := a.Kind.Check(v); err != nil {
			return v, fmt.Errorf("does not fit its kind, %s: %w", a.Kind.Name, err)
		}
	}
	return v, nil
}

// value evaluates an expression and reports problems, without the details
// where a sensitive value takes part: the library's messages quote values.
func (l *loader) value(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, bool) {
	if l.undeclared(expr, ctx) {
		return cty.DynamicVal, false
	}
	v, diags := expr.Value(ctx)
	list := diag.FromHCL(diags)
	if len(list) > 0 && l.secretive(expr, ctx) {
		for i := range list {
			list[i].Detail = "The details are left out because a sensitive value takes part."
			if callsSensitive(expr) {
				list[i] = list[i].Hide()
			}
		}
	}
	l.report(list...)
	return v, !diags.HasErrors()
}

// undeclared reports names behind var. and local. that do not exist, with
// the nearest that does.
func (l *loader) undeclared(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	found := false
	for _, t := range expr.Variables() {
		root := t.RootName()
		if len(t) < 2 || root != "var" && root != "local" {
			continue
		}
		attr, ok := t[1].(hcl.TraverseAttr)
		object, defined := variableOf(ctx, root)
		if !ok || !defined || object.Type().HasAttribute(attr.Name) {
			continue
		}
		found = true
		l.unknownName(t.SourceRange(), root, attr.Name, func() []string { return names(object.Type().AttributeTypes()) })
	}
	return found
}

// unknownName reports a name that does not exist, with the nearest that does.
func (l *loader) unknownName(at hcl.Range, root, name string, exist func() []string) {
	if l.full() {
		return
	}
	l.report(diag.Errorf(at, "Unknown name", "There is no %s.%s%s.", root, name, didYouMean(name, exist())))
}

func variableOf(ctx *hcl.EvalContext, name string) (cty.Value, bool) {
	for ; ctx != nil; ctx = ctx.Parent() {
		if v, ok := ctx.Variables[name]; ok {
			return v, true
		}
	}
	return cty.NilVal, false
}

// secretive reports whether the expression can see a sensitive value.
func (l *loader) secretive(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, t := range expr.Variables() {
		if v, diags := t.TraverseAbs(ctx); diags.HasErrors() || v.ContainsMarked() {
			if diags.HasErrors() {
				continue
			}
			return true
		}
	}
	return callsSensitive(expr)
}

// callsSensitive reports whether the expression calls sensitive() itself.
func callsSensitive(expr hcl.Expression) bool {
	e, ok := expr.(hclsyntax.Node)
	if !ok {
		return false
	}
	found := false
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		for m, ok := n.(*metered); ok; m, ok = n.(*metered) { // they may be wrapped twice
			n = m.Expression
		}
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == "sensitive" {
			found = true
		}
		return nil
	})
	return found
}

// Getters: a value that failed its check is absent, and reads as zero.

func (n *node) has(name string) bool { return n.attrs[name].v != cty.NilVal }

func (n *node) str(name string) string {
	if !n.has(name) {
		return ""
	}
	return n.attrs[name].v.AsString()
}

func (n *node) flag(name string) bool { return n.has(name) && n.attrs[name].v.True() }

func (n *node) num(name string) int64 {
	if !n.has(name) {
		return 0
	}
	i, _ := n.attrs[name].v.AsBigFloat().Int64()
	return i
}

func (n *node) list(name string) []string {
	if !n.has(name) {
		return nil
	}
	return stringList(n.attrs[name].v)
}

func stringList(v cty.Value) []string {
	out := make([]string, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		out = append(out, e.AsString())
	}
	return out
}

func (n *node) dict(name string) map[string]string {
	out := map[string]string{}
	if n.has(name) {
		for it := n.attrs[name].v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			out[k.AsString()] = e.AsString()
		}
	}
	return out
}

// where returns the place of an attribute, or of its block.
func (n *node) where(name string) hcl.Range {
	if a, ok := n.attrs[name]; ok {
		return a.at
	}
	return n.at
}
