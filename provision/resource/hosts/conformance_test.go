package hosts_test

import (
	"testing"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/hosts"
	"provision/provision/resource/resourcetest"
)

func TestConformance(t *testing.T) {
	spec := hosts.Spec{Lines: []string{"10.0.0.1 m1", "127.0.0.1 api.dc1"}}
	put := func(content string) func(*systemfake.Host) error {
		return func(host *systemfake.Host) error { return host.Put("/etc/hosts", content, 0o640) }
	}
	resourcetest.Run(t,
		resourcetest.Case{Title: "no file", Kind: hosts.Of(), Name: "dc1", Spec: spec, Setup: func(host *systemfake.Host) error {
			return host.Put("/etc/hostname", "m1\n", 0o644)
		}},
		resourcetest.Case{Title: "append", Kind: hosts.Of(), Name: "dc1", Spec: spec, Setup: put("127.0.0.1 localhost\n"), Drifts: map[string]func(*systemfake.Host) error{
			"line deleted":  put("127.0.0.1 localhost\n# BEGIN provision dc1\n10.0.0.1 m1\n# END provision dc1\n"),
			"line edited":   put("127.0.0.1 localhost\n# BEGIN provision dc1\n10.0.0.2 m1\n127.0.0.1 api.dc1\n# END provision dc1\n"),
			"block deleted": put("127.0.0.1 localhost\n"),
		}},
		resourcetest.Case{Title: "no newline at the end", Kind: hosts.Of(), Name: "dc1", Spec: spec, Setup: put("127.0.0.1 localhost")},
		resourcetest.Case{Title: "replace", Kind: hosts.Of(), Name: "dc1", Spec: spec, Setup: put("a\n# BEGIN provision dc1\n10.0.0.9 m9\n# END provision dc1\nb\n")},
	)
}
