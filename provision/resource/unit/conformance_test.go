package unit_test

import (
	"context"
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/resourcetest"
	"provision/provision/resource/unit"
)

func installed(state systemfake.Unit) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		if err := host.Put("/lib/systemd/system/a.service", "[Service]\n", 0o644); err != nil {
			return err
		}
		return host.Systemd.Set("a.service", state)
	}
}

func TestConformance(t *testing.T) {
	running := unit.Spec{Enabled: true, Active: true}
	resourcetest.Run(t,
		resourcetest.Case{Title: "start", Kind: unit.Of(), Name: "a.service", Spec: running, Setup: installed(systemfake.Unit{}), Drifts: map[string]func(*systemfake.Host) error{
			"stopped":  func(host *systemfake.Host) error { return host.Units.Stop(context.Background(), "a.service") },
			"disabled": func(host *systemfake.Host) error { return host.Units.Disable(context.Background(), "a.service") },
			"masked":   func(host *systemfake.Host) error { return host.Units.Mask(context.Background(), "a.service") },
		}},
		resourcetest.Case{Title: "no wait", Kind: unit.Of(), Name: "a.service", Spec: unit.Spec{Active: true, NoWait: true}, Setup: installed(systemfake.Unit{})},
		resourcetest.Case{Title: "enable", Kind: unit.Of(), Name: "a.service", Spec: running, Setup: installed(systemfake.Unit{Active: "active"})},
		resourcetest.Case{Title: "stop", Kind: unit.Of(), Name: "a.service", Spec: unit.Spec{}, Setup: installed(systemfake.Unit{Active: "active", Enabled: true})},
		resourcetest.Case{Title: "mask", Kind: unit.Of(), Name: "a.service", Spec: unit.Spec{Masked: true}, Setup: installed(systemfake.Unit{Active: "active", Enabled: true})},
		resourcetest.Case{Title: "unmask", Kind: unit.Of(), Name: "a.service", Spec: running, Setup: installed(systemfake.Unit{Masked: true})},
	)
}
