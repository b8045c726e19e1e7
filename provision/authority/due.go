package authority

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"provision/provision/pki"
)

// Authority is a certificate authority that gets a later certificate.
type Authority struct {
	Name     string    `json:"name"`
	NotAfter time.Time `json:"not_after"`
	Ended    bool      `json:"ended"`
}

// Due are those that have ended or are about to, by name. One that is
// being replaced by another only counts when the one that signs has ended.
func (k *Keys) Due() []Authority {
	if k.Fleet.Decision.Identity == nil {
		return nil
	}
	var due []Authority
	now := k.Fleet.ClusterTime()
	for _, name := range slices.Sorted(maps.Keys(k.Fleet.Decision.Identity.CAs)) {
		certs := pki.ParseCerts([]byte(k.Fleet.Decision.Identity.CAs[name]))
		if len(certs) == 0 {
			continue
		}
		if left := certs[0].NotAfter.Sub(now); left <= 0 || left < k.RenewedBefore() && len(certs) == 1 {
			due = append(due, Authority{Name: name, NotAfter: certs[0].NotAfter.UTC(), Ended: left <= 0})
		}
	}
	return due
}

// Ended says what to do when an authority that is needed has ended.
func (k *Keys) Ended(name string) error {
	for _, a := range k.Due() {
		if a.Ended && (name == "" || a.Name == name) {
			return fmt.Errorf("authority %q of cluster %q expired on %s, so nothing that it signed is accepted; renew it and all that depends on it: provision certs renew",
				a.Name, k.Fleet.Inventory.Cluster.Name, a.NotAfter.Format(time.DateTime))
		}
	}
	return nil
}

// Ending warns of authorities that end before long: what they sign ends with them.
func (k *Keys) Ending() []string {
	var list []string
	for _, a := range k.Due() {
		list = append(list, fmt.Sprintf("authority %q expires on %s, with all that it signed; renew it before: provision certs renew", a.Name, a.NotAfter.Format(time.DateTime)))
	}
	return list
}

// RenewedBefore is how long before its end an authority gets a new
// certificate: what it signs ends with it, so it must not come near the life of
// a leaf.
func (k *Keys) RenewedBefore() time.Duration {
	life, leaf := k.Fleet.Inventory.PKI.CALife, k.Fleet.Inventory.PKI.LeafLife
	if life <= 0 {
		life = pki.CALife
	}
	if leaf <= 0 {
		leaf = pki.LeafLife
	}
	return min(max(leaf, life/10), life/2)
}
