package authority

import (
	"provision/provision/fleet"
	"provision/provision/secret"
	"provision/provision/signing"
)

// Keys are the cluster's keys, which hosts hold, as one run reaches them.
type Keys struct {
	Fleet *fleet.Fleet
	// DigestKey makes digests of secrets for plans; see LearnDigestKey.
	DigestKey secret.Value
	// Signing says which requests for certificates are expected now.
	Signing signing.Expected
	// Point is called at each named kill point.
	Point func(name string)
}
