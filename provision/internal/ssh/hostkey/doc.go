// Package hostkey decides whether a host's key is the right one: known_hosts
// files with certificate authorities and revocations, and pins from the
// inventory. It also scans hosts for their keys and accepts keys into a file.
// There is no way to turn the check off.
package hostkey
