package binary_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/binary"
	"provision/provision/resource/resourcetest"
)

func TestConformance(t *testing.T) {
	sum := sha256.Sum256([]byte("program"))
	spec := binary.Spec{SHA256: hex.EncodeToString(sum[:]), Attr: system.Attr{Mode: 0o755}, Version: "1.2.3"}
	const app = "/usr/local/bin/app"
	blob := func(host *systemfake.Host) error {
		_, err := host.PutBlob([]byte("program"))
		return err
	}
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: binary.Of(), Name: "/usr/local/bin/app", Spec: spec, Setup: blob, Drifts: map[string]func(*systemfake.Host) error{
			"replaced": func(host *systemfake.Host) error {
				return host.Files.WriteFile(app, strings.NewReader("another"), system.Attr{Mode: 0o755})
			},
			"swapped by link": func(host *systemfake.Host) error { return host.Files.Symlink("/bin/true", app) },
			"mode":            func(host *systemfake.Host) error { return host.Files.SetAttr(app, system.Attr{Mode: 0o777}) },
			"deleted":         func(host *systemfake.Host) error { return host.Files.Remove(app) },
		}},
		resourcetest.Case{Title: "replaced", Kind: binary.Of(), Name: "/usr/local/bin/app", Spec: spec, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/usr/local/bin/app", "old program", 0o700); err != nil {
				return err
			}
			return blob(host)
		}},
	)
}
