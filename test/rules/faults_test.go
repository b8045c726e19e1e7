package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// TestEveryFaultIsOnThePage: a row that a test records has been measured, and a
// row on the page is still recorded by a test.
func TestEveryFaultIsOnThePage(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "docs", "faults.md"))
	require.NoError(t, err)
	page, err := faults.Parse(string(raw))
	require.NoError(t, err)
	recorded := map[string]string{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") || filepath.Base(filepath.Dir(path)) == "faults" {
			return err
		}
		return idsOf(t, path, recorded)
	})
	require.NoError(t, err)
	for id, path := range recorded {
		assert.NotEmpty(t, page[id].Figure, "%s records row %q; run its test and make faults", path, id)
	}
	for id := range page {
		assert.Contains(t, recorded, id, "no test records row %q of docs/faults.md", id)
	}
}

// idsOf collects the literal ids of calls of faults.Record in a file.
func idsOf(t *testing.T, path string, ids map[string]string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || name.Sel.Name != "Record" {
			return true
		}
		if pkg, ok := name.X.(*ast.Ident); !ok || pkg.Name != "faults" {
			return true
		}
		id, ok := call.Args[1].(*ast.BasicLit)
		if assert.True(t, ok, "%s: the id of a row must be a literal", path) {
			text, err := strconv.Unquote(id.Value)
			assert.NoError(t, err)
			assert.NotContains(t, ids, text, "row %q is recorded in two places", text)
			ids[text] = path
		}
		return true
	})
	return nil
}
