package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"provision/provision/diag"
)

// Settings are what the inventory says of a part's own: T is what its Decode
// returns. An inventory that was not loaded says nothing.
func Settings[T any](inv *Inventory, part Configured) T {
	found, ok := inv.Settings[part.Name()].(T)
	if !ok {
		decoded, _ := part.Decode(Nothing(part.Blocks()))
		found, _ = decoded.(T)
	}
	return found
}

// Nothing is the body of blocks that are not written: defaults only.
func Nothing(of any) hcl.Body {
	l := newLoader(context.Background(), Options{})
	n := &node{spec: specOf(of)}
	l.evaluate(n)
	b := &builder{owner: ""}
	body := b.body(n)
	for _, spec := range n.spec.Blocks {
		if spec.Name == "plugin" || spec.Name == "etcd" {
			child := &node{spec: spec}
			l.evaluate(child)
			body.Blocks = append(body.Blocks, b.block(child, nil))
		}
	}
	return body
}

// At is the place of an attribute of a body that was handed to Decode, or else
// of its block.
func At(body hcl.Body, attribute string) hcl.Range {
	if b, ok := body.(*hclsyntax.Body); ok && b.Attributes[attribute] != nil {
		return b.Attributes[attribute].SrcRange
	}
	return body.MissingItemRange()
}

// bindParts has each part decode what it owns, once.
func (l *loader) bindParts(root *node, inv *Inventory, hosts []placed) {
	inv.Settings = map[string]any{}
	for _, p := range l.opts.Parts {
		part, ok := p.(Configured)
		if !ok {
			continue
		}
		b := &builder{owner: part.Name()}
		whole := &builder{} // for blocks of which nothing is anybody else's
		body := &hclsyntax.Body{SrcRange: inv.Cluster.Range, EndRange: inv.Cluster.Range}
		for _, spec := range specOf(part.Blocks()).Blocks {
			switch spec.Name {
			case "plugin":
				body.Blocks = append(body.Blocks, l.pluginOf(whole, part.Name(), root.only("network"), inv.Network.Plugin)...)
			case "etcd":
				body.Blocks = append(body.Blocks, b.block(root.only("etcd"), nil))
			case "host":
				for _, h := range hosts {
					body.Blocks = append(body.Blocks, b.block(h.node, []string{h.Name}))
				}
			default:
				for _, n := range root.blocks[spec.Name] {
					if n.body != nil {
						body.Blocks = append(body.Blocks, whole.block(n, labels(n)))
					}
				}
			}
		}
		if b.lacks || whole.lacks {
			continue // reported
		}
		settings, problems := part.Decode(body)
		l.report(diag.FromHCL(problems)...)
		inv.Settings[part.Name()] = settings
	}
}

func labels(n *node) []string {
	if n.spec.Label == "" {
		return nil
	}
	return []string{n.label}
}

// pluginOf is the block of a pod network, made of defaults where it is chosen
// without one, and nothing where another is chosen.
func (l *loader) pluginOf(b *builder, owner string, network *node, chosen Plugin) hclsyntax.Blocks {
	if chosen.Name != owner {
		return nil
	}
	if list := network.blocks["plugin"]; len(list) > 0 {
		return hclsyntax.Blocks{b.block(list[0], nil)}
	}
	n := &node{spec: network.spec.block("plugin").Choices[chosen.Name], at: chosen.Range}
	l.evaluate(n)
	return hclsyntax.Blocks{b.block(n, nil)}
}

// bindAddons decodes the instances of add-ons, and compares them.
func (l *loader) bindAddons(root *node) []Addon {
	var out []Addon
	kinds := map[string]AddonKind{}
	for _, p := range l.opts.Parts {
		if kind, ok := p.(AddonKind); ok {
			kinds[kind.Name()] = kind
		}
	}
	for _, n := range root.blocks["addon"] {
		a := Addon{Kind: n.label, Name: cmp.Or(n.name, n.label), Range: n.at}
		if !isLabel(a.Name) {
			l.report(diag.Errorf(n.at, "Invalid add-on name", "%s is not the name of an add-on: small letters, digits and '-'.", quote(a.Name)))
			continue
		}
		kind := kinds[a.Kind]
		same := func(other Addon) bool { return other.Kind == a.Kind && (other.Name == a.Name || !kind.Several()) }
		if i := slices.IndexFunc(out, same); i >= 0 {
			summary, detail := "A second instance of an add-on", fmt.Sprintf("There may be one %s in a cluster; merge the two.", quote(a.Kind))
			if kind.Several() {
				summary, detail = "Two add-ons of one name", fmt.Sprintf("Add-on %s is given twice; give one another name: addon %s \"NAME\" { … }.", a, quote(a.Kind))
			}
			l.report(diag.Errorf(n.at, summary, "%s", detail).And("the first is", out[i].Range))
			continue
		}
		b := &builder{}
		if body := b.body(n); !b.lacks {
			config, problems := kind.Decode(body)
			l.report(diag.FromHCL(problems)...)
			a.Config = config
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Addon) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	l.checkRequires(kinds, out)
	return out
}

func (l *loader) checkRequires(kinds map[string]AddonKind, addons []Addon) {
	there := map[string]bool{}
	for _, name := range sortedKeys(kinds) {
		there[name] = kinds[name].Default()
	}
	for _, a := range addons {
		there[a.Kind] = true
	}
	for _, a := range addons {
		for _, needed := range kinds[a.Kind].Requires() {
			if !there[needed] {
				l.report(diag.Errorf(a.Range, "Add-on requires another", "Add-on %s works only with %s; add a block addon %s {}.", a, quote(needed), quote(needed)))
			}
		}
	}
}

// builder makes bodies of what an owner has in evaluated nodes. Expressions are
// the values themselves.
type builder struct {
	owner string // "" takes everything
	lacks bool   // something that is required
}

func (b *builder) block(n *node, labels []string) *hclsyntax.Block {
	block := &hclsyntax.Block{Type: n.spec.Name, Labels: labels, Body: b.body(n), TypeRange: n.at, OpenBraceRange: n.at, CloseBraceRange: n.at}
	for range labels {
		block.LabelRanges = append(block.LabelRanges, n.at)
	}
	return block
}

func (b *builder) body(n *node) *hclsyntax.Body {
	body := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: n.at, EndRange: n.at}
	for _, spec := range n.spec.Attrs {
		if b.owner != "" && spec.Owner != b.owner {
			continue
		}
		v, ok := n.attrs[spec.Name]
		if !ok {
			b.lacks = b.lacks || spec.Required
			continue
		}
		body.Attributes[spec.Name] = &hclsyntax.Attribute{Name: spec.Name, SrcRange: v.at, NameRange: v.at, EqualsRange: v.at,
			Expr: &hclsyntax.LiteralValueExpr{Val: v.v, SrcRange: v.at}}
	}
	for _, spec := range n.spec.Blocks {
		if b.owner != "" && spec.Owner != b.owner {
			continue
		}
		whole := &builder{}
		for _, child := range n.blocks[spec.Name] {
			if child.body != nil {
				body.Blocks = append(body.Blocks, whole.block(child, labels(child)))
			}
		}
		b.lacks = b.lacks || whole.lacks
	}
	return body
}
