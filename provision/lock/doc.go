// Package lock takes the locks of hosts for a run, waits for those that should be
// free soon, and watches over them: a majority of masters and etcd hosts first, in
// one order, then the others, all with an epoch above any that was used.
package lock
