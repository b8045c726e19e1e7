package identity_test

import (
	"testing"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/identity"
	"provision/provision/resource/resourcetest"
)

func TestConformance(t *testing.T) {
	item := func(host *systemfake.Host) error { return host.CA.Create("cluster") }
	resourcetest.Run(t,
		resourcetest.Case{
			Title: "certificate", Kind: identity.Of(), Name: "/etc/kubernetes/pki/ca.crt", Setup: item, Drifts: map[string]func(*systemfake.Host) error{
				"replaced": func(host *systemfake.Host) error { return host.Put("/etc/kubernetes/pki/ca.crt", "another", 0o644) },
				"deleted":  func(host *systemfake.Host) error { return host.Files.Remove("/etc/kubernetes/pki/ca.crt") },
			},
			Spec: identity.Spec{Item: system.ClusterCA, Attr: system.Attr{Mode: 0o644}},
		},
		resourcetest.Case{
			Title: "what is trusted", Kind: identity.Of(), Name: "/etc/kubernetes/pki/ca.crt", Setup: item,
			Spec: identity.Spec{Item: system.ClusterCA, Part: identity.Trusted, Attr: system.Attr{Mode: 0o644}},
		},
		resourcetest.Case{
			Title: "key over another", Kind: identity.Of(), Name: "/etc/kubernetes/pki/ca.key",
			Spec: identity.Spec{Item: system.ClusterKey, Attr: system.Attr{Mode: 0o600}},
			Setup: func(host *systemfake.Host) error {
				if err := host.Put("/etc/kubernetes/pki/ca.key", "another", 0o644); err != nil {
					return err
				}
				return item(host)
			},
		},
	)
}
