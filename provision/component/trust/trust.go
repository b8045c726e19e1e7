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
	// Programs read the CA when they need it, except HAProxy.
	s.Add(identity.New(host.Name, component.ClusterCA, system.ClusterCA, 0o644).Reloading("haproxy.service"))
	return s.Done()
}

func (trust) Artifacts(*component.Cluster) []bundle.Ref { return nil }

func (trust) Rollout() component.Rollout { return component.Parallel }

func (trust) Gate() component.Gate { return component.Gate{} }
