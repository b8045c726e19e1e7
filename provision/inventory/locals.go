package inventory

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"provision/provision/diag"
)

// locals resolves local expressions in the order that they need each other.
func (l *loader) locals(root *node, base *hcl.EvalContext) {
	r := &localResolver{loader: l, exprs: map[string]localExpr{}, done: map[string]cty.Value{}, visiting: map[string]int{}}
	for _, n := range root.blocks["locals"] {
		for _, name := range sortedKeys(n.body.Attributes) {
			a := n.body.Attributes[name]
			if before, ok := r.exprs[name]; ok {
				l.report(diag.Errorf(a.NameRange, "A second local of that name", "%s is defined twice.", quote(name)).And("the first is", before.at))
				continue
			}
			r.exprs[name] = localExpr{expr: a.Expr, at: a.NameRange, eval: n.eval}
		}
		for _, b := range n.body.Blocks {
			l.report(diag.Errorf(b.TypeRange, "Unknown block", "A locals block holds attributes only, as name = value."))
		}
	}
	for _, name := range sortedKeys(r.exprs) {
		r.resolve(name)
	}
	base.Variables["local"] = cty.ObjectVal(r.done)
	root.blocks["locals"] = nil
}

type localExpr struct {
	expr hcl.Expression
	at   hcl.Range
	eval *hcl.EvalContext
}

type localResolver struct {
	*loader
	exprs    map[string]localExpr
	done     map[string]cty.Value
	path     []string       // how we came here, to show a circle
	visiting map[string]int // index in path
}

// resolve evaluates one local after those that it refers to.
func (r *localResolver) resolve(name string) {
	if _, ok := r.done[name]; ok {
		return
	}
	e := r.exprs[name]
	if i, ok := r.visiting[name]; ok {
		r.report(diag.Errorf(e.at, "Locals in a circle", "These refer to each other: %s.", circle(append(slices.Clone(r.path[i:]), name))))
		r.done[name] = cty.DynamicVal
		return
	}
	r.visiting[name] = len(r.path)
	r.path = append(r.path, name)
	needs, ok := r.needs(e)
	r.path = r.path[:len(r.path)-1]
	delete(r.visiting, name)
	if _, circular := r.done[name]; circular {
		return // reported above
	}
	r.done[name] = cty.DynamicVal
	if !ok {
		return
	}
	ctx := e.eval.NewChild()
	ctx.Variables = map[string]cty.Value{"local": cty.ObjectVal(needs)}
	if v, ok := r.value(e.expr, ctx); ok {
		r.done[name] = v
	}
}

// needs resolves the locals that an expression refers to.
func (r *localResolver) needs(e localExpr) (map[string]cty.Value, bool) {
	needs, ok := map[string]cty.Value{}, true
	for _, t := range e.expr.Variables() {
		if t.RootName() != "local" {
			continue
		}
		attr, named := hcl.TraverseAttr{}, false
		if len(t) > 1 {
			attr, named = t[1].(hcl.TraverseAttr)
		}
		if !named {
			r.report(diag.Errorf(t.SourceRange(), "Name expected", "Locals are used one by one, as local.NAME."))
			ok = false
			continue
		}
		if _, exists := r.exprs[attr.Name]; !exists {
			r.unknownName(t.SourceRange(), "local", attr.Name, func() []string { return names(r.exprs) })
			ok = false
			continue
		}
		r.resolve(attr.Name)
		needs[attr.Name] = r.done[attr.Name]
	}
	return needs, ok
}

// circle shows a way round, shortened in the middle when it is long.
func circle(names []string) string {
	if len(names) > 12 {
		names = append(append(slices.Clone(names[:6]), "…"), names[len(names)-5:]...)
	}
	return strings.Join(names, " → ")
}
