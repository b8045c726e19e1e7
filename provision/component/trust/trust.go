package trust

import (
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/identity"
)

// New returns the component.
func New() component.Component { return trust{} }

type trust struct{}

func (trust) Name() string { return "trust" }

func (trust) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Joins() }

func (t trust) Desired(cluster *component.Cluster, host inventory.Host) ([]resource.Resource, error) {
	s := component.NewSet(cluster, host, t.Name())
	s.Dir(component.ConfigDir, 0o755)
	s.Dir(component.PKIDir, 0o755)
	// Clients of the API read the CA when they start. Another certificate is
	// rare: one for the same key, or that of the next CA.
	s.Add(identity.NewPart(host.Name, component.ClusterCA, system.ClusterCA, identity.Trusted, 0o644).Reloading("haproxy.service").Restarting(clients(host)...))
	return s.Done()
}

// clients are the host's units that have the CA in memory.
func clients(host inventory.Host) []string {
	units := []string{"kubelet.service", "kube-proxy.service", "flanneld.service"}
	if host.Has(inventory.RoleMaster) {
		units = append(units, "kube-apiserver.service", "kube-controller-manager.service", "kube-scheduler.service")
	}
	return units
}

func (trust) Artifacts(*component.Cluster) []bundle.Ref { return nil }

func (trust) Rollout() component.Rollout { return component.Parallel }

func (trust) Gate() component.Gate { return component.Gate{} }
