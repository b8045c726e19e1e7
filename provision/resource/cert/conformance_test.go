package cert_test

import (
	"errors"
	"testing"
	"time"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/cert"
	"provision/provision/resource/resourcetest"
)

const (
	certPath = "/etc/etcd/pki/server.crt"
	keyPath  = "/etc/etcd/pki/server.key"
)

func server() cert.Spec {
	return cert.Spec{
		CA: "etcd", CommonName: "m1", Organizations: []string{"etcd"}, DNSNames: []string{"m1", "localhost"},
		IPs: []string{"10.0.0.1", "127.0.0.1", "::1"}, Server: true, Client: true,
		Life: 365 * 24 * time.Hour, RenewBefore: 90 * 24 * time.Hour, Key: keyPath, Owner: system.Attr{UID: 5, GID: 6, Mode: 0o600},
	}
}

const rotatedPath = "/var/lib/kubelet/pki/kubelet-client-current.pem"

func rotated() cert.Spec {
	spec := server()
	spec.Key, spec.Adopt = rotatedPath, true
	return spec
}

func authority(host *systemfake.Host) error { return host.CA.Create("etcd") }

func TestConformance(t *testing.T) {
	combined := server()
	combined.Key = certPath
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: cert.Of(), Name: certPath, Spec: server(), Setup: authority, Drifts: map[string]func(*systemfake.Host) error{
			"certificate deleted": func(host *systemfake.Host) error { return host.Files.Remove(certPath) },
			"key deleted":         func(host *systemfake.Host) error { return host.Files.Remove(keyPath) },
			"key replaced":        func(host *systemfake.Host) error { return host.Put(keyPath, "junk", 0o600) },
			"key for everybody":   func(host *systemfake.Host) error { return host.Files.SetAttr(keyPath, system.Attr{Mode: 0o644}) },
		}},
		resourcetest.Case{Title: "combined", Kind: cert.Of(), Name: certPath, Spec: combined, Setup: authority},
		resourcetest.Case{Title: "rotated by others", Kind: cert.Of(), Name: rotatedPath, Spec: rotated(), Drifts: map[string]func(*systemfake.Host) error{
			"link swapped": func(host *systemfake.Host) error { return host.Files.Symlink("/etc/hostname", rotatedPath) },
		}, Setup: func(host *systemfake.Host) error {
			return errors.Join(authority(host), host.Put("/var/lib/kubelet/pki/kubelet-client-2020-01-01-00-00-00.pem", "old", 0o600))
		}},
		resourcetest.Case{Title: "damaged", Kind: cert.Of(), Name: certPath, Spec: server(), Setup: func(host *systemfake.Host) error {
			return errors.Join(authority(host), host.Put(certPath, "junk", 0o600), host.Put(keyPath, "junk", 0o644))
		}},
	)
}
