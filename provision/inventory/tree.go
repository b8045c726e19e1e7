package inventory

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"provision/provision/diag"
)

// node is a block of the input that has its place in the schema; its
// attributes are filled in by evaluation.
type node struct {
	spec   *blockSpec
	label  string
	name   string    // second label
	at     hcl.Range // the block's header
	body   *hclsyntax.Body
	eval   *hcl.EvalContext
	attrs  map[string]value
	blocks map[string][]*node
}

// value is an attribute, written or by default.
type value struct {
	v   cty.Value
	at  hcl.Range // of the expression, or of the block for a default
	set bool      // written in the input
}

// only returns the single block of that name, an empty one when it is absent.
func (n *node) only(name string) *node {
	if list := n.blocks[name]; len(list) > 0 {
		return list[0]
	}
	return &node{spec: n.spec.block(name), at: n.at, eval: n.eval}
}

// tree sorts the blocks of a body into the schema and reports what does not
// fit there: unknown names, labels, and singletons given twice.
func (l *loader) tree(n *node) {
	n.blocks = map[string][]*node{}
	known := map[string]bool{}
	for _, a := range n.spec.Attrs {
		known[a.Name] = true
	}
	for name, a := range n.body.Attributes {
		if !known[name] && !n.spec.Open {
			l.unknownAttr(n, name, a.NameRange)
		}
	}
	for _, b := range n.body.Blocks {
		spec := n.spec.block(b.Type)
		if spec == nil {
			if !n.spec.Open {
				l.unknownBlock(n, b)
			}
			continue
		}
		child := &node{spec: spec, at: b.DefRange(), body: b.Body, eval: n.eval}
		if !l.label(child, b) {
			continue
		}
		if before := n.blocks[b.Type]; !spec.Many && len(before) > 0 {
			l.report(diag.Errorf(child.at, fmt.Sprintf("A second %s block", b.Type),
				"There may be one %s block; merge the two. All files of a folder count as one.", b.Type).
				And("the first is", before[0].at))
			continue
		}
		n.blocks[b.Type] = append(n.blocks[b.Type], child)
		if !spec.Open {
			l.tree(child)
		}
	}
}

func (l *loader) label(n *node, b *hclsyntax.Block) bool {
	want := 1
	if n.spec.Label == "" {
		want = 0
	}
	if n.spec.Named && len(b.Labels) == 2 {
		n.name, want = b.Labels[1], 2
	}
	if len(b.Labels) != want {
		detail := fmt.Sprintf("Write it as %s { … }.", b.Type)
		if want == 1 {
			detail = fmt.Sprintf("Write it as %s %q { … }.", b.Type, strings.ToUpper(n.spec.Label))
		}
		l.report(diag.Errorf(n.at, fmt.Sprintf("Wrong labels on %s", b.Type), "It takes %d label(s), and %d are given. %s", want, len(b.Labels), detail))
		return false
	}
	if want == 0 {
		return true
	}
	n.label = b.Labels[0]
	n.at = b.LabelRanges[0]
	if n.spec.Choices != nil {
		chosen := n.spec.Choices[n.label]
		if chosen == nil {
			there := sortedKeys(n.spec.Choices)
			l.report(diag.Errorf(n.at, fmt.Sprintf("Unknown %s", b.Type), "There is no %s %s; there are: %s%s.", b.Type, quote(n.label), strings.Join(there, ", "), didYouMean(n.label, there)))
			return false
		}
		n.spec = chosen
	}
	return true
}

func (l *loader) unknownAttr(n *node, name string, at hcl.Range) {
	var names []string
	for _, a := range n.spec.Attrs {
		names = append(names, a.Name)
	}
	where := "here"
	if n.spec.Name != "" {
		where = "in " + n.spec.Name
	}
	if n.spec.block(name) != nil {
		l.report(diag.Errorf(at, "Block expected", "%s is a block: write %s { … } without '='.", name, name))
		return
	}
	l.report(diag.Errorf(at, "Unknown attribute", "There is no attribute %s %s%s.", quote(name), where, didYouMean(name, names)))
}

func (l *loader) unknownBlock(n *node, b *hclsyntax.Block) {
	var names []string
	for _, c := range n.spec.Blocks {
		names = append(names, c.Name)
	}
	where := "at the top"
	if n.spec.Name != "" {
		where = "in " + n.spec.Name
	}
	if _, ok := n.spec.attr(b.Type); ok {
		l.report(diag.Errorf(b.TypeRange, "Attribute expected", "%s is an attribute: write %s = … with '='.", b.Type, b.Type))
		return
	}
	l.report(diag.Errorf(b.TypeRange, "Unknown block", "There is no block %s %s%s.", quote(b.Type), where, didYouMean(b.Type, names)))
}

// sentence gives an error's text a capital letter.
func sentence(err error) string {
	s := err.Error()
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}
