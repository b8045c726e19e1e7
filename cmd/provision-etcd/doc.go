// Command provision-etcd backs up etcd, on hosts:
//
//	provision-etcd backup           what is due now; a timer starts it
//	provision-etcd backup --now     one more, by hand
//	provision-etcd backup --local   of this host's member as it is, unproven
//	provision-etcd escrow           write this host's keys, encrypted, to the targets
//	provision-etcd receive          serve this host's folder; a socket starts it
//
// It reads what to do in /etc/provision-etcd/config.json and stays no longer
// than it has something to do.
package main
