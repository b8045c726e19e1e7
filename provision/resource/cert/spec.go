package cert

import (
	"time"

	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/resource"
)

// Kind is the kind's name in addresses; the name of a resource is the path of
// the certificate.
const Kind = "cert"

// Spec is a certificate whose key is made on the host and never leaves it
// (ECDSA P-256, PKCS #8). It is issued anew when it does not fit the spec, does
// not verify against the host's copy of the CA (system.IdentityDir/<ca>.crt)
// or has less than RenewBefore to live.
type Spec struct {
	CA            string        `json:"ca"` // cluster, etcd, front-proxy
	CommonName    string        `json:"common_name"`
	Organizations []string      `json:"organizations,omitempty"`
	DNSNames      []string      `json:"dns_names,omitempty"`
	IPs           []string      `json:"ips,omitempty"`
	Server        bool          `json:"server,omitempty"`
	Client        bool          `json:"client,omitempty"`
	Life          time.Duration `json:"life"`
	RenewBefore   time.Duration `json:"renew_before"`
	// Key is the path of the private key (mode 0600); equal to the name for a
	// file that holds certificate and key both, written in one rename.
	Key   string      `json:"key"`
	Owner system.Attr `json:"owner"` // of the key; the certificate is 0644 unless combined
	// Adopt accepts a certificate that somebody else rotates (kubelet's): only
	// issuer, subject and life are compared, not names or usages. The name is
	// then a symbolic link to a dated file beside it: kubelet's store refuses
	// to rotate where it finds a regular file.
	Adopt bool `json:"adopt,omitempty"`
	// Reissue replaces a good one, too, each time it is applied.
	Reissue bool `json:"anew,omitempty"`
}

// Ask is what the spec has somebody sign.
func (s Spec) Ask() pki.Ask {
	return pki.Ask{CA: s.CA, CommonName: s.CommonName, Organizations: s.Organizations, DNSNames: s.DNSNames, IPs: s.IPs, Server: s.Server, Client: s.Client}
}

// New wants a certificate at path.
func New(host, path string, spec Spec) resource.Resource {
	return resource.New(host, Kind, path, spec)
}
