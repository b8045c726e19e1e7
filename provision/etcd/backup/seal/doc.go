// Package seal makes of a snapshot what lies at targets, and back: compressed
// with zstd, then encrypted with age to the recipients of the inventory. A
// throw-away identity that is never written down can read it, too, until the
// process ends: so what was stored is compared with what was taken.
package seal
