package addons

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/zclconf/go-cty/cty"
)

// DecodeBody is gohcl.DecodeBody for bodies of an inventory. Their values may be
// marked as sensitive, which gohcl answers with a panic: the attributes named in
// secrets take such values, and what the add-on does with them is its own care
// (secret.Value); all others refuse them.
func DecodeBody(body hcl.Body, eval *hcl.EvalContext, into any, secrets ...string) hcl.Diagnostics {
	return gohcl.DecodeBody(plainBody{body, secrets}, eval, into)
}

// plainBody takes the marks off the values that may have them.
type plainBody struct {
	hcl.Body
	secrets []string
}

func (b plainBody) Content(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Diagnostics) {
	content, diagnostics := b.Body.Content(schema)
	return b.plainContent(content), diagnostics
}

func (b plainBody) PartialContent(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	content, rest, diagnostics := b.Body.PartialContent(schema)
	return b.plainContent(content), plainBody{rest, b.secrets}, diagnostics
}

func (b plainBody) JustAttributes() (hcl.Attributes, hcl.Diagnostics) {
	attributes, diagnostics := b.Body.JustAttributes()
	return b.plainAttributes(attributes), diagnostics
}

func (b plainBody) plainContent(content *hcl.BodyContent) *hcl.BodyContent {
	if content == nil {
		return nil
	}
	plain := *content
	plain.Attributes = b.plainAttributes(content.Attributes)
	plain.Blocks = make(hcl.Blocks, len(content.Blocks))
	for i, block := range content.Blocks {
		copied := *block
		copied.Body = plainBody{block.Body, b.secrets}
		plain.Blocks[i] = &copied
	}
	return &plain
}

func (b plainBody) plainAttributes(attributes hcl.Attributes) hcl.Attributes {
	plain := make(hcl.Attributes, len(attributes))
	for name, attribute := range attributes {
		copied := *attribute
		copied.Expr = plainExpression{attribute.Expr, name, slices.Contains(b.secrets, name)}
		plain[name] = &copied
	}
	return plain
}

type plainExpression struct {
	hcl.Expression
	name   string
	secret bool
}

func (e plainExpression) Value(eval *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	value, diagnostics := e.Expression.Value(eval)
	if e.secret || !value.ContainsMarked() {
		value, _ = value.UnmarkDeep()
		return value, diagnostics
	}
	at := e.Range()
	return cty.DynamicVal, append(diagnostics, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Sensitive value not allowed here",
		Detail: "The value of " + e.name + " is shown in plans, or in the cluster to everyone, so it cannot be a secret.", Subject: &at})
}
