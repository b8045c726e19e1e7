package rules

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A new kind, component, network plugin or add-on is one folder and one line in
// a list. These are the folders and their lists.
var lists = []struct {
	what    string
	parents []string
	list    []string // packages, one of which must import it
	others  []string // folders that are none
}{
	{"resource kind", []string{"provision/resource"}, []string{"provision/resource/kinds", "provision/resource/clusterkinds"},
		[]string{"kinds", "clusterkinds", "resourcetest", "internal"}},
	{"component or network plugin", []string{"provision/component", "network"}, []string{"provision/component/components"},
		[]string{"components", "componenttest", "judge", "plan", "routes"}},
	{"add-on", []string{"addons"}, []string{"addons/catalogue"}, []string{"catalogue", "release"}},
}

func TestEveryFolderIsListed(t *testing.T) {
	byFolder := folders(sources(t))
	for _, l := range lists {
		listed := map[string]bool{}
		for _, list := range l.list {
			assert.NotEmpty(t, byFolder[list], "the list %s is there", list)
			for _, file := range byFolder[list] {
				for _, imported := range file.imports() {
					listed[imported] = true
				}
			}
		}
		found := 0
		for folder := range byFolder {
			if !slices.Contains(l.parents, path.Dir(folder)) || slices.Contains(l.others, path.Base(folder)) {
				continue
			}
			found++
			assert.True(t, listed[folder], "%s is a %s that is not in %s", folder, l.what, strings.Join(l.list, " or "))
		}
		assert.Positive(t, found, "there is a %s", l.what)
	}
}

// The lists do nothing but list: what is imported is also returned.
func TestListsUseWhatTheyImport(t *testing.T) {
	byFolder := folders(sources(t))
	for _, l := range lists {
		for _, list := range l.list {
			for _, file := range byFolder[list] {
				for _, spec := range file.file.Imports {
					assert.False(t, spec.Name != nil && spec.Name.Name == "_", "%s imports %s for its side effects", file.path, spec.Path.Value)
				}
			}
		}
	}
}

func TestEveryKindHasTests(t *testing.T) {
	tests := map[string]bool{}
	list := sources(t)
	for _, s := range list {
		if s.test {
			tests[s.folder] = true
		}
	}
	for folder := range folders(list) {
		if path.Dir(folder) == "provision/resource" || path.Dir(folder) == "provision/component" {
			base := path.Base(folder)
			helper := slices.Contains([]string{"kinds", "clusterkinds", "internal", "resourcetest", "componenttest", "trust"}, base)
			assert.True(t, helper || tests[folder], "%s has no test", folder)
		}
	}
}
