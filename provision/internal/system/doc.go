// Package system is the seam between resource kinds and a host: its files, its
// commands, its systemd, its blobs. The real implementation acts on /; tests
// root the files in a folder and replace systemd and commands by fakes whose
// real counterparts are tested on lab hosts.
package system
