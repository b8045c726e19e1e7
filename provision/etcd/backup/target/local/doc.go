// Package local keeps backups in a folder of this host.
package local
