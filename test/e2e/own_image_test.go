//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ownImage loads an image from an archive beside the inventory, runs a pod of it
// where nothing can be pulled, and takes it off the list.
func (c *cluster) ownImage(t *testing.T, a *api, host string) {
	t.Helper()
	before := c.files
	own := filepath.Join(t.TempDir(), "own.hcl")
	require.NoError(t, os.WriteFile(own, []byte(fmt.Sprintf("images {\n  load = [%q]\n}\n", c.image)), 0o600))
	c.files = append(slices.Clone(before), own)
	pulled := c.provision(t, append([]string{"bundle", "pull"}, c.inventory()...)...)
	require.Zero(t, pulled.code, "%s", pulled.all())
	c.apply(t)
	assert.Contains(t, c.on(t, host, "ctr", "-n", "k8s.io", "images", "ls", "name=="+podImage), "io.cri-containerd.pinned=pinned")
	pod := fmt.Sprintf(podManifest, "own", host)
	a.apply(t, pod, "apply", "-f", "-")
	a.do(t, "wait", "--for=condition=Ready", "--timeout=2m", "pod/own")
	a.apply(t, pod, "delete", "--now", "-f", "-")

	c.files = before
	c.apply(t)
	assert.NotContains(t, c.on(t, host, "ctr", "-n", "k8s.io", "images", "ls", "name=="+podImage), podImage)
	c.quiet(t)
}
