// Package take is what a host does when a backup is due: it wins the slot or
// leaves it to another, takes a snapshot, proves it, seals it, stores it at each
// target and reads it back, lets go what the policy does not keep, and tells the
// result. Nothing of it stays resident; the next start goes on.
package take
