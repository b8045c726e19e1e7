// Package receiver stores backups in the folder of another host: a target.Target
// at one end, a handler of HTTP over a folder at the other. Both ends show
// certificates of etcd's authority, so who may store here could read all of etcd
// anyway. Nothing of it stays resident: systemd holds the socket.
package receiver
