package inventory

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Places are where settings are written, by their path: kubernetes.kubelet,
// kubernetes.kubelet.maxPods, kubelet.POOL.cpu_manager.
type Places map[string]hcl.Range

// Near is where a setting is written, or else the nearest that it is a part of:
// values that functions or variables make are not written one by one.
func (p Places) Near(path ...string) hcl.Range {
	for n := len(path); n > 0; n-- {
		if at, ok := p[strings.Join(path[:n], ".")]; ok {
			return at
		}
	}
	return hcl.Range{}
}

// note notes the attributes of a body, and of the blocks in it.
func (p Places) note(path string, body *hclsyntax.Body) {
	for name, a := range body.Attributes {
		p.add(strings.TrimPrefix(path+"."+name, "."), a.NameRange, a.Expr)
	}
	for _, b := range body.Blocks {
		below := strings.Join(append([]string{path, b.Type}, b.Labels...), ".")
		p.note(strings.TrimPrefix(below, "."), b.Body)
	}
}

// add notes a value, and those that it is made of.
func (p Places) add(path string, at hcl.Range, expr hcl.Expression) {
	p[path] = at
	if object, ok := bare(expr).(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range object.Items {
			if key, ok := plainKey(item.KeyExpr); ok {
				p.add(path+"."+key, item.KeyExpr.Range(), item.ValueExpr)
			}
		}
	}
}

// bare is an expression without its meters.
func bare(expr hcl.Expression) hcl.Expression {
	for {
		wrapped, ok := expr.(*metered)
		if !ok {
			return expr
		}
		expr = wrapped.Expression
	}
}

// plainKey is a key that is written as it is: maxPods, or "memory.available".
func plainKey(expr hcl.Expression) (string, bool) {
	if key, ok := expr.(*hclsyntax.ObjectConsKeyExpr); ok {
		expr = key.Wrapped
	}
	expr = bare(expr)
	if word := hcl.ExprAsKeyword(expr); word != "" {
		return word, true
	}
	if text, ok := expr.(*hclsyntax.TemplateExpr); ok && len(text.Parts) == 1 {
		literal, ok := bare(text.Parts[0]).(*hclsyntax.LiteralValueExpr)
		if ok && literal.Val.Type() == cty.String {
			return literal.Val.AsString(), true
		}
	}
	return "", false
}
