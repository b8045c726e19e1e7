// Package health tells how a host is doing: its units and their logs, programs,
// certificates, disks, and whether what runs there answers. Nothing is changed.
package health
