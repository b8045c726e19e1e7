// Package identity decides, from what the hosts' ledgers say, which cluster
// they belong to: a new one, an existing one that some still have to join, or
// one that this inventory must not touch. It is pure.
package identity
