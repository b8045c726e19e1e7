package inventory

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"provision/provision/diag"
)

// Bounds of what is read. The HCL parser and evaluator recurse, and Go's
// stack cannot be recovered from, so text is measured before it is parsed.
const (
	maxFile      = 1 << 20
	maxTotal     = 16 << 20
	maxFiles     = 500
	maxDepth     = 100
	maxOperators = 20_000
)

// scan refuses text that would be too deep or too long to parse safely.
func scan(src []byte, filename string) diag.List {
	whole := hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	if len(src) > maxFile {
		return diag.List{diag.Errorf(whole, "File too large", "Files of more than %d bytes are not read.", maxFile)}
	}
	// Problems of the text itself are the parser's to report.
	tokens, _ := hclsyntax.LexConfig(src, filename, hcl.InitialPos)
	depth, operators := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrace, hclsyntax.TokenOBrack,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
			operators++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenTemplateSeqEnd:
			depth = max(0, depth-1)
		case hclsyntax.TokenNumberLit:
			if hugeNumber(string(t.Bytes)) {
				return diag.List{diag.Errorf(t.Range, "Number out of bounds", "Numbers have at most 40 digits and exponents below 100.")}
			}
		default:
			if isOperator(t.Type) {
				operators++
			}
		}
		if depth > maxDepth {
			return diag.List{diag.Errorf(t.Range, "Nested too deeply", "Brackets may be nested %d deep.", maxDepth)}
		}
		if operators > maxOperators {
			return diag.List{diag.Errorf(t.Range, "File too complex", "A file may hold %d operators and brackets; split it.", maxOperators)}
		}
	}
	return nil
}

func isOperator(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenStar, hclsyntax.TokenSlash,
		hclsyntax.TokenPercent, hclsyntax.TokenBang, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenQuestion, hclsyntax.TokenDot:
		return true
	}
	return false
}

// hugeNumber reports a number that is short to write and long to print.
func hugeNumber(s string) bool {
	if matches(s, `\s*[+-]?[0-9.]+[eE][+-]?[0-9]{3,}\s*`) {
		return true
	}
	return len(s) > 40
}
