// Package restore brings etcd's data back from a backup: what is refused, what
// will be done, and what no plan of steps can do (stopping a whole cluster, telling
// all ledgers, making Nodes agree with the roster). Steps on hosts are those of an
// ordinary plan (see survey.Restoring); how far a restore is stands in the ledgers,
// so that the same command finishes one that was killed.
package restore
