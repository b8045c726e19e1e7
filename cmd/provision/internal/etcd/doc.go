// Package etcd holds the verbs about etcd: backups, restore, defragmentation.
package etcd
