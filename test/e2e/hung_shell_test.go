//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/test/faults"
)

// hungShell has one host's login shell never come to our program.
func (c *cluster) hungShell(t *testing.T) {
	c.on(t, "node-2", "sh", "-c", "echo 'exec sleep 100000' >/home/ops/.bashrc && chown ops /home/ops/.bashrc")
	defer c.on(t, "node-2", "rm", "/home/ops/.bashrc")
	opened := make(chan ran, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		opened <- run(t, c.command(ctx, "lab", "ssh", "node-2", "--", "true"))
	}()
	r := c.verb(t, "preflight")
	c.refused(t, r, "node-2", "the login shell of ops did not start our program within 30s", ".bashrc", "6443 is taken by testpod", "10250")
	assert.Less(t, r.took, 90*time.Second)
	shell := <-opened
	c.refused(t, shell, "node-2", "lab ssh --console node-2")
	faults.Record(t, "shell-hangs", "A host whose login shell never answers is named with what to look at, and the others are looked at in the same run",
		"preflight of three hosts with an endless .bashrc on one", "named after %.1f s, with what is wrong on the other two; lab ssh of the host gives up after %.1f s and names its console", r.took.Seconds(), shell.took.Seconds())
}
