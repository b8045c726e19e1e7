package component

// Tier says which programs are replaced before which, when those that run are:
// all of a tier work again before the next one's turn. A first installation
// knows no tiers.
type Tier int

// The tiers. Components without one may be replaced at any time.
const (
	TierStore   Tier = iota + 1 // etcd
	TierServers                 // API servers, with what talks to their own
	TierNodes                   // what may never be newer than an API server
)

// Tiered is implemented by components that have a tier.
type Tiered interface {
	Tier() Tier
}
