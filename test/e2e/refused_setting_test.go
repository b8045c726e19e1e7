//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/faults"
)

// refusedSetting has kubelets read a file that is not there: no schema can tell.
// The first host gets its last settings back, and no other is touched.
func (c *cluster) refusedSetting(t *testing.T) {
	others := c.traces(t, "node-1", "node-2")
	wrong := edited(t, c.files[1], "failCgroupV1 = false", "failCgroupV1 = false\n    authentication = {\n      x509 = {\n        clientCAFile = \"/etc/nowhere.crt\"\n      }\n    }")
	right := c.files[1]
	c.files[1] = wrong
	r := c.verb(t, "apply", "--yes")
	c.files[1] = right
	c.refused(t, r, "kubelet.service does not work with its new settings", "master has its last working settings back and works; no later wave starts",
		"shared-kernel.hcl:16: kubernetes.kubelet.authentication.x509.clientCAFile", "/etc/nowhere.crt")
	for host, before := range others {
		after := c.trace(t, host)
		assert.Equal(t, before.Units, after.Units, "units of %s", host)
		assert.Equal(t, before.Files, after.Files, "files of %s", host)
	}
	assert.Equal(t, "True", c.node(t, "master", `{.status.conditions[?(@.type=="Ready")].status}`))
	c.unchanged(t)
	faults.Record(t, "setting-refused", "A setting that is valid and that a program refuses when it starts reaches one host, which gets its last settings back; the run stops and names the line of the inventory",
		"kubelet told to read a file that is not there, on three hosts", "stopped after %.1f s; no unit and no file of the other %d hosts touched; the Node Ready; with the line taken back the plan is empty",
		r.took.Seconds(), len(others))
}
