// Package lab boots the hosts of an inventory as test hosts on this one Linux
// machine: real systemd and OpenSSH, their own addresses, their own kernel
// namespaces, inside a network namespace that has no route out. A host is a
// container (systemd-nspawn) or, where it must have its own kernel, clock, swap
// and modules, a virtual machine (QEMU). Faults break hosts on purpose.
//
// Everything a lab makes is named after a hash of its folder, and written to
// that folder before it is made, so that Down can clean up after an Up that was
// killed at any point. No supervisor stays: hosts run until Down.
//
// It may import provision/inventory only.
package lab
