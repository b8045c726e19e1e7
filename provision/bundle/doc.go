// Package bundle obtains, verifies and stores the artifacts that hosts need:
// binaries, archives, OS packages and images. Everything is named by sha256 and
// nothing unverified leaves the store.
package bundle
