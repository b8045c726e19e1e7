package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretive are names of fields that hold secrets; a Key in bytes is one, too.
var secretive = regexp.MustCompile(`(?i)(password|passphrase|material|secret|token|credential|private|login)`)

// plainType is a type that prints what it holds.
var plainType = regexp.MustCompile(`^(\*|\[\]|map\[\w+\])*(string|byte|any|json\.RawMessage|cty\.Value)$`)

// harmless are fields with such a name that hold no secret, and why.
var harmless = map[string]string{
	"provision/inventory SSH.PasswordEnv":          "the name of an environment variable",
	"provision/inventory SSH.SudoPasswordEnv":      "the name of an environment variable",
	"provision/lab keyPair.Private":                "of hosts that hold nothing real; written to the lab's folder at once",
	"provision/facts Restored.Token":               "etcd's name for a cluster that is made: no secret",
	"provision/resource/etcddata Restore.Token":    "the same",
	"provision/internal/ssh/sshtest User.Password": "of a server for tests",
	"provision/kube/kubetest Pair.Key":             "of an API server for tests",
}

// plainSecrets lists the fields of a file's structs that should be secret.Value
// or secret.Wire.
func plainSecrets(s source) (found []string) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		ast.Inspect(spec.Type, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok {
				return true
			}
			plain := types.ExprString(field.Type)
			for _, name := range field.Names {
				if plainType.MatchString(plain) && secretive.MatchString(name.Name) || name.Name == "Key" && plain == "[]byte" {
					found = append(found, s.folder+" "+spec.Name.Name+"."+name.Name)
				}
			}
			return true
		})
		return true
	})
	return found
}

func TestPlainSecretsAreFound(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
type a struct {
	SudoPassword string
	tokens map[string][]byte
	inner struct{ Passphrase *string }
	Key []byte
	Sealed secret.Value
	Secret secret.Wire
	KeyFile string
}`, 0)
	require.NoError(t, err)
	assert.Equal(t, []string{"x a.SudoPassword", "x a.tokens", "x a.Passphrase", "x a.Key"}, plainSecrets(source{folder: "x", file: file}))
}

func TestSecretsHaveATypeThatDoesNotShowThem(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.folder, "test/") {
			continue
		}
		for _, field := range plainSecrets(s) {
			used[field] = true
			assert.Contains(t, harmless, field, "%s: hold it in a secret.Value (secret.Wire if JSON must carry it), or say here why it is no secret", s.path)
		}
	}
	for field := range harmless {
		assert.True(t, used[field], "%s is listed as harmless and no longer there", field)
	}
}
