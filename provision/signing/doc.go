// Package signing keeps hosts from having certificates signed that the plan does
// not give them.
package signing
