// Package etcdbackup has etcd's hosts take backups by a timer, as the block
// etcd { backup { } } of the inventory says, and the holders of keys write them
// into escrow beside the backups.
package etcdbackup
