// Package systemfake is a host for tests: real files below a folder, and a
// systemd, commands (dpkg, useradd, ctr, modprobe, swapon…) and a certificate
// authority that behave like the real ones as far as resource kinds can tell.
// All their state lies in that folder, so that a test may kill the process and
// open the host again. It imports only the system seam.
package systemfake
