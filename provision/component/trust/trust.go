package trust

import (
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/identity"
)

// New returns the component.
func New() component.Component { return trust{} }

type trust struct{}

func (trust) Name() string { return "trust" }

func (trust) Runs(*component.Cluster, inventory.Host) bool { return true }

func (t trust) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, t.Name())
	s.Dir(component.ConfigDir, 0o755)
	s.Dir(component.PKIDir, 0o755)
	// Clients of the API read the CA when they start. Another certificate is
	// rare: one for the same key, or that of the next CA.
	ca := identity.NewPart(host.Name, component.ClusterCA, system.ClusterCA, identity.Trusted, 0o644)
	for _, client := range component.Clients(cluster, host) {
		if client.Reload {
			ca = ca.Reloading(client.Unit)
		} else {
			ca = ca.Restarting(client.Unit)
		}
	}
	s.Add(ca)
	// Nothing holds it in memory: it is for the renewal of what is due.
	s.CertAt(component.HostPair, cert.Spec{CA: component.CACluster, CommonName: pki.HostUser(host.Name), Organizations: []string{pki.Hosts},
		Client: true, Key: component.HostPair})
	return s.Done()
}

func (trust) Artifacts(*component.Cluster) []bundle.Ref { return nil }

func (trust) Rollout() component.Rollout { return component.Parallel }

func (trust) Gate() component.Gate { return component.Gate{} }
