// Package pki makes certificate authorities, requests and certificates: ECDSA
// P-256, PKCS #8, clock and randomness injected. Agents sign with it, the
// operator makes its short-lived access with it. It imports nothing of ours,
// and none of its errors or texts holds a key.
package pki
