// Package lock pins what artifacts must be: the checksums of the Go modules
// that they are built from, and the digest that given inputs must yield. One
// lock is committed with provision, another lives in each store.
package lock
