package override_test

import (
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/override"
	"provision/provision/resource/resourcetest"
)

func edited(paths ...string) func(*systemfake.Host) error {
	return func(host *systemfake.Host) error {
		if err := host.Put("/lib/systemd/system/a.service", "[Service]\n", 0o644); err != nil {
			return err
		}
		for _, path := range paths {
			if err := host.Put(path, "[Service]\nNice=5\n", 0o644); err != nil {
				return err
			}
		}
		return host.Systemd.Set("a.service", systemfake.Unit{Active: "active", Enabled: true})
	}
}

func TestConformance(t *testing.T) {
	const folder = "/etc/systemd/system/a.service.d/"
	resourcetest.Run(t,
		resourcetest.Case{Title: "drop-in", Kind: override.Of(), Name: "a.service", Spec: override.Spec{}, Setup: edited(folder + "10-mine.conf"),
			Drifts: map[string]func(*systemfake.Host) error{
				"another drop-in": func(host *systemfake.Host) error { return host.Put(folder+"20.conf", "[Service]\n", 0o644) },
			}},
		resourcetest.Case{Title: "one is ours", Kind: override.Of(), Name: "a.service", Spec: override.Spec{Ours: []string{folder + "10-ours.conf"}},
			Setup: edited(folder+"10-ours.conf", folder+"20-mine.conf", "/run/systemd/system/a.service.d/x.conf")},
		resourcetest.Case{Title: "over a package's file", Kind: override.Of(), Name: "a.service", Spec: override.Spec{Packaged: true},
			Setup: edited("/etc/systemd/system/a.service"),
			Drifts: map[string]func(*systemfake.Host) error{
				"once more": func(host *systemfake.Host) error {
					return host.Put("/etc/systemd/system/a.service", "[Service]\nNice=5\n", 0o644)
				},
			}},
	)
}
