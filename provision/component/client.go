package component

import (
	"fmt"

	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/cert"
)

// APIClient is implemented by components whose programs talk to the API.
type APIClient interface {
	Clients() []Client
}

// Client is a program that talks to the API.
type Client struct {
	// Unit has the cluster's CA in memory. Reload has it read again; without, it
	// takes a restart.
	Unit   string
	Reload bool
	// User is who it is to the API; "" where that is the Node of its host, or each
	// of those for whom it passes requests on. What users read is not audited.
	User string
}

// Clients are the programs of a host that talk to the API.
func Clients(c *Cluster, host inventory.Host) []Client {
	var list []Client
	for _, one := range c.Components {
		if client, ok := one.(APIClient); ok && one.Runs(c, host) {
			list = append(list, client.Clients()...)
		}
	}
	return list
}

// Names of the certificate authorities.
const (
	CACluster    = "cluster"
	CAEtcd       = "etcd"
	CAFrontProxy = "front-proxy"
)

// Cert wants PATH.crt with its key PATH.key, of root's. Lifetimes come from the
// inventory; a leaf is renewed in the last third of its life.
func (s *Set) Cert(path string, spec cert.Spec, restarts ...string) resource.Address {
	spec.Key = path + ".key"
	return s.CertAt(path+".crt", spec, restarts...)
}

// CertAt is Cert for a caller that names both files.
func (s *Set) CertAt(path string, spec cert.Spec, restarts ...string) resource.Address {
	life := s.Cluster.Inventory.PKI.LeafLife
	if life <= 0 {
		life = pki.LeafLife
	}
	spec.Life, spec.RenewBefore = life, life/3
	if spec.Adopt {
		// Who rotates it does so before; this is for when that failed.
		spec.RenewBefore = life / 20
	}
	spec.Owner, spec.Reissue = system.Attr{Mode: 0o600}, s.Cluster.Reissue[s.Host.Name]
	return s.Add(cert.New(s.Host.Name, path, spec).Restarting(restarts...))
}

// Client wants a client of the API: a certificate in PKIDir and a kubeconfig in
// ConfigDir that names it, both called name. Programs read a renewed pair by
// themselves; a changed kubeconfig restarts the units.
func (s *Set) Client(name, server string, spec cert.Spec, units ...string) []resource.Address {
	spec.CA, spec.Client = CACluster, true
	issued := s.Cert(PKIDir+"/"+name, spec)
	pair := PKIDir + "/" + name
	config := s.File(ConfigDir+"/"+name+".conf", Kubeconfig(server, name, pair+".crt", pair+".key"), 0o600, units...)
	return []resource.Address{issued, config, CAAt(s.Host.Name)}
}

// Kubeconfig is a kubeconfig that refers to files of the host and so holds no
// secret.
func Kubeconfig(server, user, certificate, key string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: %s
    certificate-authority: %s
users:
- name: %s
  user:
    client-certificate: %s
    client-key: %s
contexts:
- name: default
  context: {cluster: cluster, user: %s}
current-context: default
`, server, ClusterCA, user, certificate, key, user)
}
