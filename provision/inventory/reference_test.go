package inventory_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/provision/parts"
)

const (
	docPath = "../../docs/inventory.md"
	marker  = "<!-- reference -->\n"
)

func readDoc(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile(docPath)
	require.NoError(t, err)
	require.Contains(t, string(doc), marker)
	return string(doc)
}

func TestSchemaIsSound(t *testing.T) { inventory.RequireSound(t, parts.All()...) }

// An add-on may be given as often as its kind allows.
func TestReferenceSaysHowOftenAnAddonIsGiven(t *testing.T) {
	reference := inventory.Reference(kindOnce{}, kindMany{})
	assert.Contains(t, reference, "### `addon \"many\"`\n\nSettings of many. May be given more than once.\n")
	assert.Contains(t, reference, "### `addon \"once\"`\n\nSettings of once. At most once.\n")
}

func TestReferenceIsMadeFromTheSchema(t *testing.T) {
	head, _, _ := strings.Cut(readDoc(t), marker)
	golden(t, docPath, head+marker+"\n"+inventory.Reference(parts.All()...))
}

// TestExamplesOfTheDocs loads each example; a partial one gets a host.
func TestExamplesOfTheDocs(t *testing.T) {
	examples := regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllStringSubmatch(readDoc(t), -1)
	require.Len(t, examples, 2)
	inv, list := inventory.Parse(t.Context(), map[string][]byte{"doc.hcl": []byte(examples[0][1])}, sealed())
	require.Empty(t, printed(t, list))
	assert.Len(t, inv.Hosts, 43)

	inv = mustParse(t, examples[1][1], sealed())
	assert.Equal(t, "api.east.example.com", inv.Cluster.APIAddress)
}
