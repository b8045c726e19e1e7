// Package backup says what a backup of etcd is: the manifest that lies beside
// each one, the names of the objects at a target, and the escrow objects that a
// restore on new hardware needs. It is pure. What a target holds was written by
// whoever can write there, so everything read from it is checked.
package backup
