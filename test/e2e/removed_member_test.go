//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// removedMember has somebody remove an etcd member by hand: once with its data
// left on the host, once with them moved away. One apply makes it a member again.
func (c *cluster) removedMember(t *testing.T) {
	const host = "g3"
	for _, moved := range []bool{false, true} {
		before := c.memberID(t, host)
		// etcd refuses until all its members have known each other for 5 s.
		eventually(t, 2*time.Minute, "remove a member by hand", func(ctx context.Context) error {
			_, err := c.lab.Exec(ctx, "g1", etcdctl("member", "remove", before)...)
			return err
		})
		args := []string{"--yes"}
		if moved {
			c.on(t, host, "systemctl", "stop", "etcd.service") // it is started again and again, and makes files
			c.on(t, host, "mv", "/var/lib/etcd/member", "/root/member")
			args = append(args, "--target", host)
		}
		d, _ := c.diagnose(t)
		require.NotEmpty(t, d.Findings)
		assert.Equal(t, host+"/etcd-removed", d.Findings[0].ID)
		r := c.verb(t, "apply", args...)
		require.Zero(t, r.code, "%s", r.all())
		c.seconds(t, "bring a removed etcd member back", r.took)
		if !moved {
			assert.Contains(t, r.out, "of member "+before+", which the cluster removed")
			assert.Contains(t, c.on(t, host, "ls", "/var/lib/etcd"), "removed-")
		}
		assert.NotEqual(t, before, c.memberID(t, host))
		c.threeVoters(t)
		c.unchanged(t)
	}
}

func etcdctl(args ...string) []string {
	return append([]string{"/usr/local/bin/etcdctl", "--endpoints=https://127.0.0.1:2379", "--cacert=/etc/etcd/pki/ca.crt",
		"--cert=/etc/etcd/pki/client.crt", "--key=/etc/etcd/pki/client.key"}, args...)
}

// memberID is the id of a host's member, as etcd prints it.
func (c *cluster) memberID(t *testing.T, host string) string {
	t.Helper()
	for line := range strings.Lines(c.on(t, "g1", etcdctl("member", "list")...)) {
		if id, rest, _ := strings.Cut(line, ","); strings.Contains(rest, ", "+host+",") {
			return id
		}
	}
	require.Fail(t, "etcd has no member "+host)
	return ""
}
