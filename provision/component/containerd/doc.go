// Package containerd installs the container runtime: containerd with runc, the
// CNI plug-ins, and the images that a Node needs before any registry exists.
package containerd
