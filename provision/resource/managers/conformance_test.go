package managers_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/managers"
	"provision/provision/resource/resourcetest"
)

const folder = "/var/lib/kubelet"

func remembered(cpu, memory string) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		return errors.Join(
			host.Put("/etc/systemd/system/kubelet.service", "[Service]\n", 0o644),
			host.Put(folder+"/cpu_manager_state", `{"policyName":"`+cpu+`","defaultCpuSet":"","checksum":1}`, 0o600),
			host.Put(folder+"/memory_manager_state", `{"policyName":"`+memory+`","checksum":1}`, 0o600))
	}
}

func TestConformance(t *testing.T) {
	static := managers.Spec{Folder: folder, CPU: "static", Memory: "None", Reserved: "cpus 0"}
	forgotten := func(t *testing.T, host *systemfake.Host) {
		for _, name := range []string{"cpu_manager_state", "memory_manager_state"} {
			assert.NoFileExists(t, host.Root+folder+"/"+name)
		}
	}
	// What kubelet remembered is not brought back: it would not be true.
	resourcetest.Run(t,
		resourcetest.Case{Title: "before the first kubelet", Kind: managers.Of(), Name: "kubelet.service", Spec: static,
			Setup: func(host *systemfake.Host) error { return host.Put(folder+"/pki/x", "", 0o600) },
			Drifts: map[string]func(*systemfake.Host) error{
				"begun with another policy": remembered("none", "None"),
				"damaged":                   func(host *systemfake.Host) error { return host.Put(folder+"/cpu_manager_state", "{", 0o600) },
				"note deleted":              func(host *systemfake.Host) error { return host.Files.Remove(folder + "/provision_managers") },
			}, Check: forgotten},
	)
}
