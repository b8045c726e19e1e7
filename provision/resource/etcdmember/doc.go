// Package etcdmember is the kind of a member of the etcd cluster: known to the
// cluster before its etcd starts (as a learner, which cannot harm the quorum),
// and made a voter once it has caught up. It imports the resource and cluster
// contracts only.
//
// The two steps are two resources around the host's own: "NAME" with role
// learner before etcd starts on the host, "NAME voter" with role voter after.
package etcdmember
