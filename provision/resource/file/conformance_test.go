package file_test

import (
	"errors"
	"testing"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/file"
	"provision/provision/resource/resourcetest"
	"provision/provision/secret"
)

func TestConformance(t *testing.T) {
	plain := file.Spec{Content: "new\n", Attr: system.Attr{Mode: 0o644}}
	secret := file.Spec{Secret: secret.OnWire(secret.New("key\n")), Attr: system.Attr{UID: 7, GID: 8, Mode: 0o640}}
	checked := file.Spec{Content: "new\n", Attr: system.Attr{Mode: 0o644}, Validate: []string{"true", "{}"}}
	unit := file.Spec{Content: "[Service]\n", Attr: system.Attr{Mode: 0o644}, DaemonReload: true}
	first := file.Spec{Content: "new\n", Attr: system.Attr{Mode: 0o644}, First: []string{".conf"}}
	put := func(content string) func(*systemfake.Host) error {
		return func(host *systemfake.Host) error { return host.Put("/etc/x/app.conf", content, 0o600) }
	}
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: file.Of(), Name: "/etc/app.conf", Spec: plain, Drifts: map[string]func(*systemfake.Host) error{
			"edited": func(host *systemfake.Host) error { return host.Put("/etc/app.conf", "by hand", 0o644) },
			"mode": func(host *systemfake.Host) error {
				return host.Files.SetAttr("/etc/app.conf", system.Attr{Mode: 0o666})
			},
			"owner": func(host *systemfake.Host) error {
				return host.Files.SetAttr("/etc/app.conf", system.Attr{UID: 9, Mode: 0o644})
			},
			"deleted":         func(host *systemfake.Host) error { return host.Files.Remove("/etc/app.conf") },
			"swapped by link": func(host *systemfake.Host) error { return host.Files.Symlink("/etc/hostname", "/etc/app.conf") },
		}},
		resourcetest.Case{Title: "new folders", Kind: file.Of(), Name: "/etc/x/y/app.conf", Spec: plain},
		resourcetest.Case{Title: "changed", Kind: file.Of(), Name: "/etc/x/app.conf", Spec: plain, Setup: put("old\n")},
		resourcetest.Case{Title: "mode only", Kind: file.Of(), Name: "/etc/x/app.conf", Spec: plain, Setup: put("new\n")},
		resourcetest.Case{Title: "secret", Kind: file.Of(), Name: "/etc/x/app.conf", Spec: secret, Drifts: map[string]func(*systemfake.Host) error{
			"edited": func(host *systemfake.Host) error { return host.Put("/etc/x/app.conf", "another", 0o640) },
		}, Setup: put("old\n")},
		resourcetest.Case{Title: "link", Kind: file.Of(), Name: "/etc/app.conf", Spec: plain, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/etc/other", "other\n", 0o644); err != nil {
				return err
			}
			return host.Files.Symlink("other", "/etc/app.conf")
		}},
		resourcetest.Case{Title: "validated", Kind: file.Of(), Name: "/etc/x/app.conf", Spec: checked, Setup: put("old\n")},
		resourcetest.Case{Title: "another comes first", Kind: file.Of(), Name: "/etc/x/app.conf", Spec: first, Drifts: map[string]func(*systemfake.Host) error{
			"another put first": func(host *systemfake.Host) error { return host.Put("/etc/x/01-mine.conf", "x", 0o644) },
		}, Setup: func(host *systemfake.Host) error {
			return errors.Join(put("old\n")(host), host.Put("/etc/x/00-mine.conf", "x", 0o644), host.Put("/etc/x/README", "x", 0o644), host.Put("/etc/x/zz.conf", "x", 0o644))
		}},
		resourcetest.Case{Title: "unit file", Kind: file.Of(), Name: "/etc/systemd/system/a.service", Spec: unit},
		resourcetest.Case{Title: "drop-in of a loaded unit", Kind: file.Of(), Name: "/etc/systemd/system/a.service.d/x.conf", Spec: unit, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/lib/systemd/system/a.service", "old", 0o644); err != nil {
				return err
			}
			return host.Systemd.Set("a.service", systemfake.Unit{Active: "active"})
		}},
	)
}
