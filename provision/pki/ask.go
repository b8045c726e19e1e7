package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"slices"
)

// Ask is what somebody asks an authority to sign: all of a certificate but its
// key and its life.
type Ask struct {
	CA, CommonName               string
	Organizations, DNSNames, IPs []string
	Server, Client               bool
}

// AskOf is what a request asks for. A request for anything that an Ask cannot
// say is refused.
func AskOf(ca string, csr *x509.CertificateRequest, server, client bool) (Ask, error) {
	a := Ask{CA: ca, CommonName: csr.Subject.CommonName, Organizations: csr.Subject.Organization, DNSNames: csr.DNSNames, Server: server, Client: client}
	if len(csr.Subject.Names) != 1+len(a.Organizations) || len(csr.EmailAddresses) > 0 || len(csr.URIs) > 0 {
		return a, errors.New("it asks for more than names, groups and addresses")
	}
	for _, ip := range csr.IPAddresses {
		a.IPs = append(a.IPs, ip.String())
	}
	return a, nil
}

// Digest is the same for those who ask for the same, in any order: 128 bits in
// hex.
func (a Ask) Digest() string {
	a.IPs = slices.Clone(a.IPs)
	for i, text := range a.IPs {
		if ip := net.ParseIP(text); ip != nil {
			a.IPs[i] = ip.String()
		}
	}
	for _, list := range []*[]string{&a.Organizations, &a.DNSNames, &a.IPs} {
		*list = slices.Sorted(slices.Values(*list))
	}
	text, _ := json.Marshal(a) // strings and booleans always encode
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
