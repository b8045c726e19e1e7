package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder; module is its path.
const (
	root   = "../.."
	module = "provision/"
)

// source is one Go file, whatever its build tags.
type source struct {
	path   string // from the module's root
	folder string
	test   bool
	lines  int
	file   *ast.File
	set    *token.FileSet
}

// imports are the packages of ours that the file imports, from the root.
func (s source) imports() []string {
	var list []string
	for _, spec := range s.file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if own, ok := strings.CutPrefix(name, module); err == nil && ok {
			list = append(list, own)
		}
	}
	return list
}

// sources are all Go files of the module, read once.
func sources(t *testing.T) []source {
	t.Helper()
	list, err := parsed()
	require.NoError(t, err)
	require.Greater(t, len(list), 100, "the module's source is here")
	return list
}

var parsed = sync.OnceValues(func() ([]source, error) {
	var list []source
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if hidden := strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".."; hidden || entry.Name() == "testdata" || entry.Name() == "bin" {
				if name != root {
					return filepath.SkipDir
				}
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		list = append(list, source{path: relative, folder: path.Dir(relative), file: file, set: set,
			test: strings.HasSuffix(name, "_test.go"), lines: set.File(file.Pos()).LineCount()})
		return nil
	})
	return list, err
})

// folders are the packages that have code which is no test.
func folders(list []source) map[string][]source {
	byFolder := map[string][]source{}
	for _, s := range list {
		if !s.test {
			byFolder[s.folder] = append(byFolder[s.folder], s)
		}
	}
	return byFolder
}
