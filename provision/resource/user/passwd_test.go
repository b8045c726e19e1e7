package user

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParsePasswd(t *testing.T) {
	accounts := parsePasswd("root:x:0:0:root:/root:/bin/bash\n+nis::::::\nbroken:x\nroot:x:1:1::/:/bin/sh\n")
	assert.Equal(t, map[string]account{"root": {"0", "0", "/root", "/bin/bash"}}, accounts)
}

func TestParseGroup(t *testing.T) {
	groups := parseGroup("adm:x:4:syslog, ops,\n#x:x:1:\n")
	assert.Equal(t, map[string]group{"adm": {"4", []string{"syslog", "ops"}}}, groups)
}

func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/bash\n")
	f.Add("adm:x:4:syslog,ops\n:::\n")
	f.Fuzz(func(t *testing.T, content string) {
		for name := range parsePasswd(content) {
			assert.NotEmpty(t, name)
			assert.NotContains(t, name, ":")
		}
		for _, entry := range parseGroup(content) {
			for _, member := range entry.Members {
				assert.Equal(t, strings.TrimSpace(member), member)
			}
		}
	})
}
