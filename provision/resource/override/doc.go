// Package override is the resource kind of what somebody put over a systemd
// unit by hand: drop-ins, and a unit file over the one of a package. Wanted is
// that there is none but ours. What is found is set aside, beside where it
// stood, under a name that systemd does not read. It imports no other kind.
package override
