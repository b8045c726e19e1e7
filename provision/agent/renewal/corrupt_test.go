package renewal

import (
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/pki"
	"provision/test/corrupt"
)

// A request that was damaged on the way is refused, or is one that the host has.
func TestDamagedRequests(t *testing.T) {
	r := &renewer{state: ledger.State{Roster: &facts.Roster{Hosts: []facts.RosterHost{{Name: "n1", Address: "10.0.0.1", Certs: digests()}}}}}
	key, err := pki.NewKey(pki.Env{})
	require.NoError(t, err)
	csr, err := pki.CSR(pki.Env{}, key, pki.Request{CommonName: "system:kube-proxy"})
	require.NoError(t, err)
	sample := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
	corrupt.Feed(t, 1, func(in []byte) bool {
		var o csrObject
		o.Spec.Username, o.Spec.Groups = pki.HostUser("n1"), []string{pki.Hosts}
		o.Spec.Usages, o.Spec.Request = []string{"client auth"}, in
		request, err := r.judge(pki.ClusterCA, o)
		if err == nil {
			assert.True(t, request.Client)
		}
		return err == nil
	}, sample)
}
