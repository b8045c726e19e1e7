//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/lab"
	"provision/test/faults"
	"provision/test/terminal"
)

// target is what keeps an operator from acting on the wrong thing: production
// is named, hosts do not leave by a slip, a machine under an old name is given
// nothing, and lost data are not replaced by nothing.
func (s *suite) target(t *testing.T) {
	c := s.boot(t, "target", extra("target.hcl"), extra("shared-kernel.hcl"))
	t.Run("production is named", c.productionIsNamed)
	t.Run("removals", c.removals)
	t.Run("etcd restored", c.etcdRestored)
	t.Run("replaced machine", c.replacedMachine)
}

// confirmed applies, naming the cluster.
func (c *cluster) confirmed(t *testing.T, args ...string) ran {
	t.Helper()
	return c.verb(t, "apply", append(args, "--yes=rehearsal")...)
}

func (c *cluster) productionIsNamed(t *testing.T) {
	started := time.Now()
	c.refused(t, c.verb(t, "apply", "--yes"), `cluster "rehearsal" is production`, "--yes=rehearsal", "Nothing was changed")
	c.refused(t, c.verb(t, "apply", "--yes=dc2"), `--yes=dc2 names another cluster`, `"rehearsal"`)
	unasked := time.Since(started)
	x := terminal.Start(t, c.command(t.Context(), append([]string{"apply"}, c.inventory()...)...))
	x.Expect(`Cluster "rehearsal", environment "prod", on lab "` + c.name + `" (new)`)
	x.Expect(`to cluster "rehearsal", environment "prod", on lab "` + c.name + `"? Type the cluster's name: `)
	x.Send("yes")
	code, output := x.Wait()
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "not approved: nothing was changed")
	assert.NotContains(t, c.on(t, "m1", "ls", "/var/lib/provision"), "identity")

	x = terminal.Start(t, c.command(t.Context(), append([]string{"apply"}, c.inventory()...)...))
	x.Expect("Type the cluster's name: ")
	x.Send("rehearsal")
	code, output = x.Wait()
	require.Zero(t, code, "%s", output)
	faults.Record(t, "target-production", "Production changes only if the operator names the cluster, typed or as --yes=NAME",
		"apply on a pseudo-terminal answered with yes; apply --yes; apply --yes with another cluster's name",
		"3 runs refused, those that do not ask within %d ms together; the typed name goes on", unasked.Milliseconds())
}

func (c *cluster) removals(t *testing.T) {
	all := c.files
	c.files = []string{edited(t, all[0], `host "n1"`, `host "x1"`), all[1]}
	defer func() { c.files = all }()
	plan := c.verb(t, "plan")
	assert.Contains(t, plan.out, "n1 (node) leaves")
	assert.Contains(t, plan.out, "To apply this, add --allow-removals 1")
	c.refused(t, c.confirmed(t), "takes 1 host away", "every host with the role node", "n1 (node) leaves", "add --allow-removals 1")
}

// etcdRestored loses all data of etcd, and does what the refusal says.
func (c *cluster) etcdRestored(t *testing.T) {
	a, closeTunnel := c.tunnel(t)
	a.apply(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: before-the-snapshot}\n", "apply", "-f", "-")
	file := c.snapshotFile(t, "m1")
	a.apply(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: after-the-snapshot}\n", "apply", "-f", "-")
	closeTunnel()
	c.loseEtcd(t, "m1")
	before := c.traces(t, "m1", "n1")
	r := c.confirmed(t)
	c.refused(t, r, "all etcd data of cluster", "Nothing was changed", "provision etcd restore FILE")
	for host, want := range before {
		assert.Equal(t, want.Files, c.trace(t, host).Files, "host %s", host)
	}

	r = c.restoreFrom(t, file, "--yes=rehearsal")
	require.Zero(t, r.code, "%s", r.all())
	a, _ = c.tunnel(t)
	names := a.do(t, "get", "configmaps", "-o", "name")
	assert.Contains(t, names, "before-the-snapshot")
	assert.NotContains(t, names, "after-the-snapshot")
	a.allReady(t, "m1", "n1")
	// Controllers whose lease was lost with the data end, and systemd starts
	// them again a little later.
	eventually(t, time.Minute, "the plan is empty", func(context.Context) error {
		if r := c.verb(t, "plan", "--detailed-exitcode"); r.code != 0 {
			return errors.New(r.all())
		}
		return nil
	})
	faults.Record(t, "target-etcd-restore", "With all data of etcd gone apply refuses and names the command that restores; with it the cluster is back",
		"etcd's data folder of a lab cluster is removed", "%.0f s; the object written before the snapshot is there, the one since is not", r.took.Seconds())
}

// replacedMachine puts an empty machine in the place of the worker.
func (c *cluster) replacedMachine(t *testing.T) {
	key, err := c.lab.Replace(t.Context(), "n1")
	require.NoError(t, err)
	c.refused(t, c.verb(t, "plan"), "n1", "host key changed", "hostkeys accept n1 --replaced")
	accept := append([]string{"hostkeys", "accept", "n1", "--yes"}, c.inventory()...)
	c.refused(t, c.provision(t, accept...), "if the machine was replaced, use --replaced")
	// As where keys are signed, or pinned anew in the inventory: the key is
	// fine, and still it is another machine.
	require.NoError(t, c.lab.AcceptKey("n1", key, true))
	require.NoError(t, c.lab.AcceptKey("n1", key, false))
	r := c.confirmed(t)
	c.refused(t, r, "refusing host n1", `is not the one that belongs to cluster "rehearsal"`, "its machine-id is", "hostkeys accept n1 --replaced")
	assert.NotContains(t, c.on(t, "n1", "find", "/var/lib/provision", "-not", "-path", "*/agent*"), "ledger", "it was given nothing")

	r = c.provision(t, append(accept, "--replaced")...)
	require.Zero(t, r.code, "%s", r.all())
	assert.Contains(t, r.out, filepath.Base(c.lab.SSHFiles().KnownHosts))
	c.lab, err = lab.Open(c.name)
	require.NoError(t, err)
	r = c.confirmed(t)
	require.Zero(t, r.code, "%s", r.all())
	a, _ := c.tunnel(t)
	a.allReady(t, "m1", "n1")
	c.answersDNS(t, "n1")
	c.unchanged(t)
	faults.Record(t, "target-replaced-host", "A new machine under an old name is refused, by its SSH key and by the roster, until hostkeys accept HOST --replaced; then one apply makes it the worker it replaces",
		"a lab's worker is replaced by an empty machine with another machine-id and host key", "%s", fmt.Sprintf("3 refusals; Ready %.0f s after apply began", r.took.Seconds()))
}
