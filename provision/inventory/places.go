package inventory

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Places are where settings are written, by their path: kubernetes.kubelet,
// kubernetes.kubelet.maxPods, kubelet.POOL.cpu_manager.
type Places map[string]hcl.Range

// places notes the attributes of a block, and of the blocks in it.
func (n *node) places(path string, into Places) {
	if n.body == nil {
		return
	}
	for name, a := range n.body.Attributes {
		into.add(strings.TrimPrefix(path+"."+name, "."), a.NameRange, a.Expr)
	}
	for _, b := range n.body.Blocks {
		below := strings.Join(append([]string{path, b.Type}, b.Labels...), ".")
		(&node{body: b.Body}).places(strings.TrimPrefix(below, "."), into)
	}
}

// add notes a value, and those that it is made of.
func (p Places) add(path string, at hcl.Range, expr hcl.Expression) {
	p[path] = at
	if wrapped, ok := expr.(*metered); ok {
		expr = wrapped.Expression
	}
	if object, ok := expr.(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range object.Items {
			if key, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && key.Type().FriendlyName() == "string" {
				p.add(path+"."+key.AsString(), item.KeyExpr.Range(), item.ValueExpr)
			}
		}
	}
}
