// Package measure looks at what a host is fit for, and at what it has open:
// ports and who holds them, firewalls, disks and how long their writes take,
// routes, and what reaches it from other hosts. It judges nothing and changes
// nothing.
package measure
