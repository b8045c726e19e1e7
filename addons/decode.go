package addons

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/zclconf/go-cty/cty"
)

// DecodeBody is gohcl.DecodeBody for bodies of an inventory. Values of an
// inventory may be marked (sensitive), which gohcl answers with a panic; what
// an add-on does with a secret is its own care.
func DecodeBody(body hcl.Body, eval *hcl.EvalContext, into any) hcl.Diagnostics {
	return gohcl.DecodeBody(plainBody{body}, eval, into)
}

// plainBody takes the marks off all values.
type plainBody struct{ hcl.Body }

func (b plainBody) Content(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Diagnostics) {
	content, diagnostics := b.Body.Content(schema)
	return plainContent(content), diagnostics
}

func (b plainBody) PartialContent(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	content, rest, diagnostics := b.Body.PartialContent(schema)
	return plainContent(content), plainBody{rest}, diagnostics
}

func (b plainBody) JustAttributes() (hcl.Attributes, hcl.Diagnostics) {
	attributes, diagnostics := b.Body.JustAttributes()
	return plainAttributes(attributes), diagnostics
}

func plainContent(content *hcl.BodyContent) *hcl.BodyContent {
	if content == nil {
		return nil
	}
	plain := *content
	plain.Attributes = plainAttributes(content.Attributes)
	plain.Blocks = make(hcl.Blocks, len(content.Blocks))
	for i, block := range content.Blocks {
		copied := *block
		copied.Body = plainBody{block.Body}
		plain.Blocks[i] = &copied
	}
	return &plain
}

func plainAttributes(attributes hcl.Attributes) hcl.Attributes {
	plain := make(hcl.Attributes, len(attributes))
	for name, attribute := range attributes {
		copied := *attribute
		copied.Expr = plainExpression{attribute.Expr}
		plain[name] = &copied
	}
	return plain
}

type plainExpression struct{ hcl.Expression }

func (e plainExpression) Value(eval *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	value, diagnostics := e.Expression.Value(eval)
	value, _ = value.UnmarkDeep()
	return value, diagnostics
}
