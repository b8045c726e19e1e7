//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// writableScript prints what the login user could change of what root runs or
// reads: things in provision's folders, programs of root's processes and units,
// and the folders above them. Then it prints how much it looked at.
const writableScript = `set -f; user=$1
{
  find /var/lib/provision /usr/local/bin /usr/local/sbin /usr/local/lib /etc/systemd /etc/kubernetes /etc/containerd /etc/etcd /etc/cni /opt/cni /etc/provision* /etc/sudoers.d /etc/haproxy 2>/dev/null
  find /proc -maxdepth 2 -name exe -user root -printf '%l\n' 2>/dev/null | sed 's/ (deleted)$//'
  systemctl show '*.service' -p ExecStart -p ExecStartPre -p ExecReload -p FragmentPath -p DropInPaths | grep -o '/[^ ;]*'
} | sort -u | while read -r f; do
  while [ -e "$f" ] && [ "$f" != / ]; do echo "$f"; f=$(dirname "$f"); done
done | sort -u | grep -v -e '^/proc' -e '^/dev/null$' >/run/looked
xargs -d '\n' stat -c '%F|%U|%G|%a|%n' </run/looked 2>/dev/null | awk -F'|' -v user="$user" '
  $1 == "symbolic link" { next }
  { other = substr($4, length($4), 1) + 0; group = substr($4, length($4)-1, 1) + 0; sticky = length($4) == 4 && substr($4, 1, 1) % 2
    if ($2 == user || ((int(other/2) % 2) && !sticky) || ($3 == user && int(group/2) % 2)) print "writable " $5 }'
runuser -u "$user" -- xargs -d '\n' sh -c 'for f; do [ ! -L "$f" ] && [ -w "$f" ] && echo "writable $f"; done; :' sh </run/looked
wc -l </run/looked; rm /run/looked`

// writable asks what the user could change.
func (c *cluster) writable(t *testing.T, host, user string) (paths []string, looked int) {
	t.Helper()
	out := strings.Split(c.on(t, host, "sh", "-c", writableScript, "sh", user), "\n")
	for _, line := range out[:len(out)-1] {
		path, ok := strings.CutPrefix(line, "writable ")
		require.True(t, ok, "%s", line)
		paths = append(paths, path)
	}
	return paths, number(t, out[len(out)-1])
}

// loginUserWritesNothing holds for the user of the inventory, who is not root.
func (c *cluster) loginUserWritesNothing(t *testing.T) {
	for path, spoil := range map[string][]string{
		"/usr/local/bin/kubelet":   {"chmod", "o+w"},
		"/var/lib/provision/agent": {"chown", "ops"},
		"/etc/systemd/system":      {"chmod", "o+w"},
		"/etc/kubernetes":          {"chgrp", "ops"},
	} {
		before := c.on(t, "k1", "stat", "-c", "%a %U:%G", path)
		c.on(t, "k1", append(spoil, path)...)
		if spoil[0] == "chgrp" {
			c.on(t, "k1", "chmod", "g+w", path)
		}
		paths, _ := c.writable(t, "k1", "ops")
		assert.Contains(t, paths, path, "the check finds it")
		mode, owner, _ := strings.Cut(before, " ")
		c.on(t, "k1", "chown", owner, path)
		c.on(t, "k1", "chmod", mode, path)
	}
	paths, looked := c.writable(t, "k1", "ops")
	assert.Empty(t, paths)
	assert.Greater(t, looked, 100)
	c.note(t, "looked at for the login user", "%d paths", looked)
	faults.Record(t, "secret-login-user", "The login user can change nothing of provision's that root runs or reads",
		"every file and folder of provision, programs of root's processes and units, and the folders above, asked of user ops; four of them made writable first, and found",
		"%d paths, 0 writable", looked)
}
