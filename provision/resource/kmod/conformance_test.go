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
		}},
		resourcetest.Case{Title: "loaded but not at boot", Kind: kmod.Of(), Name: "vxlan", Spec: kmod.Spec{}, Setup: func(host *systemfake.Host) error {
			return host.Put("/sys/module/vxlan/initstate", "live\n", 0o444)
		}},
	)
}
