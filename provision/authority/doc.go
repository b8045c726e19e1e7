// Package authority keeps the cluster's identity and keys on its hosts: it gives
// birth to them, lets hosts join and depart, has certificates signed, renews
// authorities and turns keys over. Keys stay on hosts, or pass from one to
// another through memory only.
package authority
