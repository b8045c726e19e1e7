package signing

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/resource"
	"provision/provision/resource/cert"
)

// Expected knows which certificates hosts may ask for right now: those whose
// steps are under way, with exactly the names and uses that the plan gave them.
// An agent is only as honest as its host, so anything else is refused.
type Expected struct {
	mu      sync.Mutex
	expects map[string][]cert.Spec // by host
}

// Expect lets a host ask for the certificate of a resource until done is called.
func (s *Expected) Expect(r resource.Resource) (done func(), err error) {
	if r.Address.Kind != cert.Kind {
		return func() {}, nil
	}
	var spec cert.Spec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return nil, fmt.Errorf("reading spec of %s: %w", r.Address, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expects == nil {
		s.expects = map[string][]cert.Spec{}
	}
	host := r.Address.Host
	s.expects[host] = append(s.expects[host], spec)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		list := s.expects[host]
		for i := range list {
			if list[i].Key == spec.Key {
				s.expects[host] = slices.Delete(list, i, i+1)
				return
			}
		}
	}, nil
}

// Check refuses a request that fits no certificate expected of the host.
func (s *Expected) Check(host string, request system.SignRequest) error {
	csr, err := x509.ParseCertificateRequest(request.CSR)
	if err != nil {
		return fmt.Errorf("reading the certificate request of host %s: %w", host, err)
	}
	ask, err := pki.AskOf(request.CA, csr, request.Server, request.Client)
	s.mu.Lock()
	defer s.mu.Unlock()
	fits := func(spec cert.Spec) bool { return request.Life == spec.Life && ask.Digest() == spec.Ask().Digest() }
	if err == nil && slices.ContainsFunc(s.expects[host], fits) {
		return nil
	}
	return fmt.Errorf("refusing to sign a certificate for host %s: it asks for %q of CA %q, which the plan does not give it; investigate that host",
		host, csr.Subject.String(), request.CA)
}
