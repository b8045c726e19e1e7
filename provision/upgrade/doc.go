// Package upgrade knows which versions of the programs of Kubernetes and etcd
// may run together, and by which way a cluster gets from some to others. It is
// pure and imports nothing of ours. The rules are those of the projects:
//
//	https://kubernetes.io/releases/version-skew-policy/
//	https://etcd.io/docs/v3.8/upgrades/upgrading-etcd/
//	https://etcd.io/docs/latest/upgrades/upgrade_3_6/
package upgrade
