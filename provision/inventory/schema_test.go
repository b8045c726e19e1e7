package inventory

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/catalogue"
)

// RequireSound checks what the compiler cannot, of the engine's language and of
// parts': texts for the reference, names that are there once, defaults that
// evaluate and fit their kind.
func RequireSound(t *testing.T, parts ...Part) {
	t.Helper()
	var walk func(b *blockSpec)
	walk = func(b *blockSpec) {
		seen := map[string]bool{}
		for _, a := range b.Attrs {
			name := b.Name + "." + a.Name
			assert.False(t, seen[a.Name], "%s is there twice", name)
			seen[a.Name] = true
			assert.NotEmpty(t, a.Doc, name)
			assert.NotEmpty(t, a.Kind.Name, name)
			assert.False(t, a.Required && a.Default != "", name)
			if a.Default != "" {
				_, err := a.fallback()
				require.NoError(t, err, name)
			}
		}
		for _, child := range b.Blocks {
			assert.False(t, seen[child.Name], "%s.%s is there twice", b.Name, child.Name)
			seen[child.Name] = true
			assert.NotEmpty(t, child.Doc, child.Name)
			walk(child)
		}
		for _, child := range b.Choices {
			walk(child)
		}
	}
	walk(rootSpec(catalogue.Default(), parts))
}

func TestDidYouMean(t *testing.T) {
	words := []string{"etcd", "master", "node"}
	assert.Equal(t, `; did you mean "master"?`, didYouMean("matser", words))
	assert.Equal(t, `; did you mean "node"?`, didYouMean("nodes", words))
	assert.Empty(t, didYouMean("zookeeper", words))
	assert.Empty(t, didYouMean("x", words))
}

func TestSyntaxOfNames(t *testing.T) {
	for s, ok := range map[string]bool{
		"a": true, "a-b": true, "a.b": true, "": false, "-a": false, "a-": false, "A": false, "a..b": false, "a_b": false,
	} {
		assert.Equal(t, ok, isDomain(s), "%q", s)
	}
	for s, ok := range map[string]bool{
		"disk": true, "example.com/disk": true, "Example.com/disk": false, "/disk": false, "a/b/c": false, "": false, "a b": false, "a\n": false,
	} {
		assert.Equal(t, ok, checkLabelKey(s) == nil, "%q", s)
	}
	for s, want := range map[string]Taint{
		"a=b:NoSchedule":           {"a", "b", "NoSchedule"},
		"a:NoExecute":              {"a", "", "NoExecute"},
		"x.io/a=:PreferNoSchedule": {"x.io/a", "", "PreferNoSchedule"},
	} {
		got, err := parseTaint(s)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for s, ok := range map[string]bool{
		"1.37.1": true, "1.38.0-rc.1": true, "v1.37.1": false, "1.37": false, "1.037.1": false, "1.37.1\n": false, "../1.2.3": false,
	} {
		assert.Equal(t, ok, checkVersion(s) == nil, "%q", s)
	}
	for s, ok := range map[string]bool{
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f": true,
		"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU":                               true,
		"SHA256:short": false, "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==": false, "MD5:aa:bb": false,
	} {
		assert.Equal(t, ok, checkHostKey(s) == nil, "%q", s)
	}
}
