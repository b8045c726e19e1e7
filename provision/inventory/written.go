package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"provision/provision/secret"
)

// Written is an inventory as it was written: what the environment, files and
// variables gave is not in it.
type Written struct {
	Files map[string][]byte // the *.hcl, by path
	// Vars are the variables that were given, by name.
	Vars []string
	// VarFiles are the sha256 of var-files. Weak secrets could be guessed from
	// them, so they are keyed before they are kept.
	VarFiles map[string]secret.Value
	// InClear says where a secret is written in the files themselves, so that
	// they must not be kept; "" means nowhere.
	InClear string
}

// shortest is the length from which a part of a secret is looked for: shorter
// ones are in every text.
const shortest = 4

// wrote is what was written, once all values are known.
func (l *loader) wrote() Written {
	for _, f := range l.files {
		l.literals(f)
	}
	return l.written
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// inClear notes a secret that is written where it stands.
func (l *loader) inClear(is bool, v cty.Value, at hcl.Range) {
	v, _ = v.UnmarkDeep()
	empty := v.IsNull() || !v.IsWhollyKnown() || v.Type() == cty.String && v.AsString() == ""
	if is && !empty && l.written.InClear == "" {
		l.written.InClear = fmt.Sprintf("%s line %d holds a secret in clear; have env(), file() or an encrypted -var-file give it", at.Filename, at.Start.Line)
	}
}

// reveal notes the texts of a secret, and the parts of them that are secrets by
// themselves, such as the password of a login.
func (l *loader) reveal(v cty.Value) {
	_ = cty.Walk(v, func(_ cty.Path, leaf cty.Value) (bool, error) {
		if leaf.IsKnown() && !leaf.IsNull() && leaf.Type() == cty.String {
			text := leaf.AsString()
			l.revealed = append(l.revealed, text)
			if _, password, ok := strings.Cut(text, ":"); ok {
				l.revealed = append(l.revealed, password)
			}
		}
		return true, nil
	})
}

// literals looks for secrets in a file: what sensitive() is given without
// anything to work out, and values of secrets, in comments too.
func (l *loader) literals(f parsed) {
	l.inText(f.name, string(l.written.Files[f.name]), 1)
	_ = hclsyntax.VisitAll(f.body, func(n hclsyntax.Node) hcl.Diagnostics {
		for m, ok := n.(*metered); ok; m, ok = n.(*metered) {
			n = m.Expression
		}
		switch e := n.(type) {
		case *hclsyntax.LiteralValueExpr:
			if e.Val.Type() == cty.String && !e.Val.IsNull() { // as it is meant, without escapes
				l.inText(f.name, e.Val.AsString(), e.SrcRange.Start.Line)
			}
		case *hclsyntax.FunctionCallExpr:
			if e.Name == "sensitive" && len(e.Args) == 1 {
				v, diags := e.Args[0].Value(nil)
				l.inClear(!diags.HasErrors(), v, e.Range())
			}
		}
		return nil
	})
}

func (l *loader) inText(name, text string, line int) {
	for _, one := range l.revealed {
		if at := strings.Index(text, one); len(one) >= shortest && at >= 0 {
			at := hcl.Range{Filename: name, Start: hcl.Pos{Line: line + strings.Count(text[:at], "\n")}}
			l.inClear(true, cty.StringVal(one), at)
		}
	}
}

// Names are the paths of the files, sorted.
func (w Written) Names() []string { return sortedKeys(w.Files) }
