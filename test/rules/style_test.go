package rules

import (
	"go/ast"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	maxFile     = 400
	maxFunction = 80
)

func TestEveryPackageHasADocFile(t *testing.T) {
	for folder, files := range folders(sources(t)) {
		found := false
		for _, s := range files {
			if path.Base(s.path) == "doc.go" {
				found = true
				assert.NotNil(t, s.file.Doc, "%s says what the package is for", s.path)
				assert.LessOrEqual(t, len(s.file.Decls), 1, "%s holds nothing else", s.path)
			} else {
				assert.Nil(t, s.file.Doc, "%s: the package's comment belongs into doc.go", s.path)
			}
		}
		assert.True(t, found, "%s has no doc.go", folder)
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		assert.LessOrEqual(t, s.lines, maxFile, "%s is too long", s.path)
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch f := n.(type) {
			case *ast.FuncDecl:
				lines := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
				assert.LessOrEqual(t, lines, maxFunction, "%s: function %s is too long", s.path, f.Name.Name)
			}
			return true
		})
	}
}

func TestNothingHappensBehindTheBack(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			assert.False(t, ok && f.Recv == nil && f.Name.Name == "init", "%s has an init()", s.path)
		}
		if s.test || strings.HasPrefix(s.folder, "test/") {
			continue
		}
		calls(s, func(pkg, name string, at int) {
			switch pkg + "." + name {
			case "time.Sleep":
				t.Errorf("%s:%d sleeps: watch, or wait on a timer together with the context", s.path, at)
			case "os.Exit":
				assert.True(t, strings.HasPrefix(s.folder, "cmd/") || s.folder == "provision/agent/command", "%s:%d ends the process", s.path, at)
			case "fmt.Println", "fmt.Printf", "fmt.Print":
				t.Errorf("%s:%d writes to standard output: take an io.Writer", s.path, at)
			}
		})
	}
}

// calls visits calls of functions of packages.
func calls(s source, visit func(pkg, name string, line int)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
			if pkg, ok := selector.X.(*ast.Ident); ok {
				visit(pkg.Name, selector.Sel.Name, s.set.Position(call.Pos()).Line)
			}
		}
		return true
	})
}
