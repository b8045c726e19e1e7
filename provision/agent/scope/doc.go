// Package scope keeps the processes of one agent session in one systemd scope,
// and ends what an earlier session left behind: its scope, and its processes
// that the host's leases name, so also where there is no systemd. It ends
// nothing else. It imports the leases only.
package scope
