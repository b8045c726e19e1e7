package inventory

import (
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxWork bounds what all expressions of an inventory may compute, in
// elements and bytes. An ordinary inventory needs some thousands.
const maxWork = 32 << 20

// What evaluating one expression, and each element of its result, costs
// besides bytes.
const (
	stepWork    = 32
	elementWork = 16
)

// meter makes expressions stop. HCL's evaluator cannot be interrupted, and a
// few nested loops would keep it busy for years, so every inner expression is
// wrapped in one that pays for its result and, when nothing is left, returns
// an unknown value at once.
type meter struct {
	left     atomic.Int64
	reported atomic.Bool
	top      hcl.Range // of the attribute being wrapped
}

func newMeter() *meter {
	m := &meter{}
	m.left.Store(maxWork)
	return m
}

// metered is an expression that pays. Embedding the interface carries the
// methods that only hclsyntax can implement.
type metered struct {
	hclsyntax.Expression
	meter     *meter
	variables []hcl.Traversal
	top       hcl.Range // the whole attribute, to name what is too much
}

// Variables returns those of the expression as it was before wrapping: the
// library's walk does not look through wrappers.
func (e *metered) Variables() []hcl.Traversal { return e.variables }

// UnwrapExpression lets static analysis (types, keywords) see the original.
func (e *metered) UnwrapExpression() hcl.Expression { return e.Expression }

// Value evaluates and pays.
func (e *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if e.meter.left.Load() <= 0 {
		return cty.DynamicVal, e.meter.exhausted(e.top)
	}
	v, diags := e.Expression.Value(ctx)
	cost, huge := weigh(v)
	if huge {
		return cty.DynamicVal, append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Number out of bounds",
			Detail: "This computes a number that is too large to be of use.", Subject: e.Range().Ptr(),
		})
	}
	if e.meter.left.Add(-cost-stepWork) <= 0 {
		return cty.DynamicVal, append(diags, e.meter.exhausted(e.top)...)
	}
	return v, diags
}

// exhausted reports once; what follows is silent.
func (m *meter) exhausted(at hcl.Range) hcl.Diagnostics {
	if m.reported.Swap(true) {
		return nil
	}
	return hcl.Diagnostics{{
		Severity: hcl.DiagError, Summary: "Too much to compute",
		Detail:  "The expressions of this inventory need more work than is allowed. Look for loops in loops.",
		Subject: at.Ptr(),
	}}
}

// weigh returns what a value costs, and whether it holds a number whose
// digits would fill the memory.
func weigh(v cty.Value) (cost int64, huge bool) {
	v, _ = v.Unmark()
	cost = elementWork
	if !v.IsKnown() || v.IsNull() {
		return cost, false
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return cost + int64(len(v.AsString())), false
	case t == cty.Number:
		f := v.AsBigFloat()
		exp := f.MantExp(nil)
		return cost, f.IsInf() || exp > 4096 || exp < -4096
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if k.Type() == cty.String {
				cost += int64(len(k.AsString()))
			}
			c, h := weigh(e)
			cost, huge = cost+c, huge || h
			if cost > maxWork {
				break
			}
		}
	}
	return cost, huge
}

// meterBody wraps every expression of a body, in place.
func (m *meter) meterBody(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		a.Expr = m.wrap(a.Expr)
	}
	for _, b := range body.Blocks {
		m.meterBody(b.Body)
	}
}

func (m *meter) wrap(e hclsyntax.Expression) hclsyntax.Expression {
	if e == nil {
		return nil
	}
	vars := hclsyntax.Variables(e)
	m.top = e.Range()
	return &metered{Expression: m.inner(e), meter: m, variables: vars, top: m.top}
}

// inner wraps the parts of an expression, and itself where it has parts.
func (m *meter) inner(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case nil:
		return nil
	case *hclsyntax.LiteralValueExpr, *hclsyntax.AnonSymbolExpr, *hclsyntax.ExprSyntaxError:
		return e
	case *hclsyntax.ObjectConsExpr:
		for i := range e.Items {
			m.key(e.Items[i].KeyExpr)
			e.Items[i].ValueExpr = m.inner(e.Items[i].ValueExpr)
		}
	case *hclsyntax.TupleConsExpr:
		m.all(e.Exprs)
	case *hclsyntax.FunctionCallExpr:
		m.all(e.Args)
	case *hclsyntax.TemplateExpr:
		m.all(e.Parts)
	case *hclsyntax.TemplateJoinExpr:
		e.Tuple = m.inner(e.Tuple)
	case *hclsyntax.TemplateWrapExpr:
		e.Wrapped = m.inner(e.Wrapped)
	case *hclsyntax.ParenthesesExpr:
		e.Expression = m.inner(e.Expression)
	case *hclsyntax.UnaryOpExpr:
		e.Val = m.inner(e.Val)
	case *hclsyntax.BinaryOpExpr:
		e.LHS, e.RHS = m.inner(e.LHS), m.inner(e.RHS)
	case *hclsyntax.ConditionalExpr:
		e.Condition, e.TrueResult, e.FalseResult = m.inner(e.Condition), m.inner(e.TrueResult), m.inner(e.FalseResult)
	case *hclsyntax.IndexExpr:
		e.Collection, e.Key = m.inner(e.Collection), m.inner(e.Key)
	case *hclsyntax.RelativeTraversalExpr:
		e.Source = m.inner(e.Source)
	case *hclsyntax.SplatExpr:
		e.Source, e.Each = m.inner(e.Source), m.inner(e.Each)
	case *hclsyntax.ForExpr:
		e.CollExpr, e.KeyExpr = m.inner(e.CollExpr), m.inner(e.KeyExpr)
		e.ValExpr, e.CondExpr = m.inner(e.ValExpr), m.inner(e.CondExpr)
	}
	return &metered{Expression: e, meter: m, top: m.top}
}

func (m *meter) all(list []hclsyntax.Expression) {
	for i := range list {
		list[i] = m.inner(list[i])
	}
}

// key leaves the bare words of object keys alone.
func (m *meter) key(e hclsyntax.Expression) {
	k, ok := e.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return
	}
	if _, word := k.Wrapped.(*hclsyntax.ScopeTraversalExpr); !word || k.ForceNonLiteral {
		k.Wrapped = m.inner(k.Wrapped)
	}
}
