package rules

import (
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/interview"
)

// What inventories need on hosts that share a kernel stands in a file for tests,
// in a sample and in what init writes: all say the same.
func TestSharedKernelIsSaidAlike(t *testing.T) {
	read := func(path string) []byte {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		return raw
	}
	want := settings(t, read("../e2e/testdata/shared-kernel.hcl"))
	require.NotEmpty(t, want)
	for place, text := range map[string][]byte{
		"inventories/lab.hcl": read("../../inventories/lab.hcl"),
		"init --lab":          interview.Render(interview.Draft{Name: "lab", SharedKernel: true}),
	} {
		have := settings(t, text)
		for name, value := range want {
			assert.Equal(t, value, have[name], "%s: %s", place, name)
		}
	}
	bare := settings(t, interview.Render(interview.Draft{Name: "dc1"}))
	for name := range want {
		assert.NotContains(t, bare, name, "init for real hosts")
	}
}

// settings are the attributes of blocks without labels, as they are written,
// without white space.
func settings(t *testing.T, text []byte) map[string]string {
	t.Helper()
	file, problems := hclsyntax.ParseConfig(text, "inventory.hcl", hcl.InitialPos)
	require.False(t, problems.HasErrors(), problems)
	found := map[string]string{}
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		if len(block.Labels) > 0 {
			continue
		}
		for name, attribute := range block.Body.Attributes {
			value := string(attribute.Expr.Range().SliceBytes(text))
			found[block.Type+"."+name] = strings.Join(strings.Fields(value), "")
		}
	}
	return found
}
