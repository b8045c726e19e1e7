// Package ledger keeps, on a host, what provision owns there, what stood there
// before, which units must restart, and which cluster the host belongs to.
//
// A snapshot and an append-only log of checked lines: each record is on disk
// before the change it announces. Whoever holds the lock writes; everybody may
// read at any time. It imports only facts and the protocol's error codes.
package ledger
