package cert

import (
	"context"
	"errors"
	"time"

	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/resource"
)

// Renewal is what a host needs to renew its certificates by itself.
type Renewal struct {
	Host string `json:"host"`
	// Life is that of what is signed for other hosts.
	Life time.Duration `json:"life"`
	// APIs are where the API is reached from the host, one as good as the next,
	// and Local its own API server if it has one.
	APIs  []string `json:"apis"`
	Local string   `json:"local,omitempty"`
	// Client is the pair of the host's own access to the API.
	Client string `json:"client"`
	// Serves are the authorities for which it signs what other hosts ask for.
	Serves []string `json:"serves,omitempty"`
	// Certs are the certificates that the host shall have.
	Certs []resource.Resource `json:"certs"`
	// Gates must answer before a unit is restarted, and after.
	Gates []RenewalGate `json:"gates,omitempty"`
}

// What requests of hosts name as their signer, by authority. The domain is
// nobody's.
const (
	ClusterSigner = "provision.internal/host-certificates"
	EtcdSigner    = "provision.internal/etcd-certificates"
)

// Signer is what requests to an authority name as their signer; "" for one
// whose key is on every host that has certificates of it.
func Signer(ca string) string {
	return map[string]string{pki.ClusterCA: ClusterSigner, pki.EtcdCA: EtcdSigner}[ca]
}

// RenewalGate is where a service of the host says that it works.
type RenewalGate struct {
	URL string `json:"url"`
	CA  string `json:"ca,omitempty"`
}

// Early is the spec of a certificate for a host that renews it by itself:
// sooner than an apply would, so that a plan never sees it due.
func Early(want Spec) Spec {
	want.RenewBefore = min(want.RenewBefore*5/4, want.Life*9/10)
	return want
}

// Pair is a certificate with its key, as PEM, that is not in its place yet.
type Pair struct{ cert, key []byte }

// Issue makes a key and has it certified. Nothing is written.
func Issue(ctx context.Context, sys *system.System, want Spec) (Pair, error) {
	certPEM, keyPEM, err := issue(ctx, sys, want)
	return Pair{certPEM, keyPEM}, err
}

// Ready is the kind for certificates that were issued before, by path: it asks
// no authority while the host is locked.
func Ready(pairs map[string]Pair) resource.Kind[*system.System] {
	return resource.Erase[*system.System, Spec, State](kind{ready: pairs})
}

// obtain takes the pair that is ready, if there is one; else it must be issued.
func (k kind) obtain(ctx context.Context, sys *system.System, name string, want Spec) (certPEM, keyPEM []byte, err error) {
	if k.ready == nil {
		return issue(ctx, sys, want)
	}
	pair, ok := k.ready[name]
	if !ok {
		return nil, nil, errors.New("it was not issued before")
	}
	return pair.cert, pair.key, nil
}
