package identity

import (
	"time"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/pki"
)

// Waits are how long the phases of a rotation last in which others get time to
// learn of it, or to let go of what the old key signed.
type Waits struct{ Trusted, Signed time.Duration }

// Rotatable are the items that can be rotated, by the names people use.
func Rotatable() map[string]string {
	return map[string]string{
		pki.ClusterCA: system.ClusterKey, pki.EtcdCA: system.EtcdKey, pki.FrontProxyCA: system.FrontProxyKey,
		ServiceAccount: system.ServiceKey, Encryption: system.Encryption,
	}
}

// Names of the keys that are rotated.
const (
	ServiceAccount = "service-account"
	Encryption     = "encryption"
)

// WaitsOf are the waits of an item. Pods get the cluster's CA from kubelet in a
// minute or two, and client-go reads it, as well as client certificates, every
// five. Tokens of pods last an hour.
func WaitsOf(item string) Waits {
	switch item {
	case system.ClusterKey:
		return Waits{Trusted: 10 * time.Minute, Signed: 10 * time.Minute}
	case system.ServiceKey:
		return Waits{Signed: 75 * time.Minute}
	}
	return Waits{}
}

// Next is the phase that a rotation goes on to once all hosts work as its
// present one wants; "" when it is over. When it must wait, until says so.
// In a hurry it waits for nobody.
func Next(item string, turn facts.Turn, now time.Time, hurry bool) (phase string, until time.Time) {
	waits := WaitsOf(item)
	pause := func(wait time.Duration, through, to string) string {
		if wait == 0 || hurry {
			return to
		}
		return through
	}
	ends := func(wait time.Duration) time.Time {
		if end := turn.Since.Add(wait); !hurry && now.Before(end) {
			return end
		}
		return time.Time{}
	}
	switch turn.Phase {
	case pki.Announced:
		return pause(waits.Trusted, pki.Trusted, pki.Signing), time.Time{}
	case pki.Trusted:
		return pki.Signing, ends(waits.Trusted)
	case pki.Signing:
		return pause(waits.Signed, pki.Signed, pki.Dropped), time.Time{}
	case pki.Signed:
		return pki.Dropped, ends(waits.Signed)
	case pki.Dropped:
		return "", time.Time{}
	}
	return pki.Announced, time.Time{}
}
