// Package store keeps artifacts in a content-addressed folder: blobs by sha256
// and one record per artifact that says which blobs it is and where they came
// from. It imports only the bundle contract. Several processes may use one
// store at once, and a killed one leaves nothing that a reader would take.
package store
