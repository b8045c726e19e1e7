// Package sftp keeps backups in a folder of an SFTP server, whose key is pinned.
package sftp
