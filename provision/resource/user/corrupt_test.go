package user

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/corrupt"
)

func TestDamagedAccounts(t *testing.T) {
	passwd := []byte("root:x:0:0:root:/root:/bin/bash\netcd:x:995:995::/var/lib/etcd:/usr/sbin/nologin\n")
	group := []byte("root:x:0:\nadm:x:4:syslog,ops\n")
	corrupt.Feed(t, 1, func(in []byte) bool {
		accounts, groups := parsePasswd(string(in)), parseGroup(string(in))
		for name, a := range accounts {
			assert.NotContains(t, name+a.UID+a.GID+a.Home+a.Shell, ":")
			assert.NotContains(t, name, "\n")
			assert.Contains(t, "\n"+string(in), "\n"+name+":")
		}
		for name, g := range groups {
			assert.NotContains(t, name+g.GID+strings.Join(g.Members, ""), ":")
			assert.NotContains(t, g.Members, "")
		}
		return len(accounts)+len(groups) > 0
	}, passwd, group)
}
