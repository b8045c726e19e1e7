package kmod_test

import (
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/kmod"
	"provision/provision/resource/resourcetest"
)

func TestConformance(t *testing.T) {
	resourcetest.Run(t,
		resourcetest.Case{Title: "load", Kind: kmod.Of(), Name: "vxlan", Spec: kmod.Spec{}, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/sys/module/other/initstate", "live\n", 0o444); err != nil {
				return err
			}
			return host.Put("/lib/modules/fake/vxlan", "", 0o644)
		}, Drifts: map[string]func(*systemfake.Host) error{
			"unloaded": func(host *systemfake.Host) error { return host.Files.RemoveAll("/sys/module/vxlan") },
			"no longer at boot": func(host *systemfake.Host) error {
				return host.Files.Remove("/etc/modules-load.d/provision-vxlan.conf")
			},
		}},
		resourcetest.Case{Title: "loaded but not at boot", Kind: kmod.Of(), Name: "vxlan", Spec: kmod.Spec{}, Setup: func(host *systemfake.Host) error {
			return host.Put("/sys/module/vxlan/initstate", "live\n", 0o444)
		}},
	)
}
