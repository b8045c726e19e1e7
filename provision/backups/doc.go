// Package backups has etcd hosts take backups that somebody asked for.
package backups
