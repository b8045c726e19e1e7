// Package flannel is the pod network flannel: flanneld as a systemd service on
// the pod CIDRs that provision assigned, and a CNI configuration of bridge and
// host-local on the host's own range.
package flannel
