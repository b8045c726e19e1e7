package osfacts_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/osfacts"
)

// What people read says what the table says: every system, in its order, and
// no other.
func TestDocument(t *testing.T) {
	content, err := os.ReadFile("../../docs/supported-systems.md")
	require.NoError(t, err)
	var documented []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| System ") {
			documented = append(documented, line)
		}
	}
	var table []string
	for _, s := range osfacts.Table() {
		tested, firewall := "untested", s.Firewall
		if s.Tested {
			tested = "tested"
		}
		if firewall == "" {
			firewall = "none"
		}
		table = append(table, fmt.Sprintf("| %s | %s | %s | %s | `%s` |", s.Name, s.Codename, tested, firewall, s.Resolver))
	}
	assert.Equal(t, table, documented)
}
