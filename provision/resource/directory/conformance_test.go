package directory_test

import (
	"testing"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/directory"
	"provision/provision/resource/resourcetest"
)

func TestConformance(t *testing.T) {
	spec := directory.Spec{Attr: system.Attr{UID: 3, GID: 4, Mode: 0o750}}
	purge := directory.Spec{Attr: system.Attr{Mode: 0o700}, Purge: true}
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: directory.Of(), Name: "/var/lib/etcd", Spec: spec, Drifts: map[string]func(*systemfake.Host) error{
			"mode": func(host *systemfake.Host) error {
				return host.Files.SetAttr("/var/lib/etcd", system.Attr{UID: 3, GID: 4, Mode: 0o777})
			},
			"owner": func(host *systemfake.Host) error {
				return host.Files.SetAttr("/var/lib/etcd", system.Attr{Mode: 0o750})
			},
			"deleted": func(host *systemfake.Host) error { return host.Files.RemoveAll("/var/lib/etcd") },
		}},
		resourcetest.Case{Title: "purge", Kind: directory.Of(), Name: "/var/lib/etcd", Spec: purge},
		resourcetest.Case{Title: "purge what was empty", Kind: directory.Of(), Name: "/var/lib/etcd", Spec: purge, Setup: func(host *systemfake.Host) error {
			return host.Files.Mkdir("/var/lib/etcd", system.Attr{Mode: 0o755})
		}},
		resourcetest.Case{Title: "mode", Kind: directory.Of(), Name: "/data", Spec: spec, Setup: func(host *systemfake.Host) error {
			return host.Put("/data/file", "kept", 0o644)
		}},
		resourcetest.Case{Title: "on another disk", Kind: directory.Of(), Name: "/data", Spec: spec, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/disk/file", "kept", 0o644); err != nil {
				return err
			}
			return host.Files.Symlink("/disk", "/data")
		}},
	)
}
