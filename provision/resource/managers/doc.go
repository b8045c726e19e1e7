// Package managers is the resource kind of what kubelet's CPU and memory
// managers remember. A kubelet does not start with the memory of another
// policy or of other reservations: it is forgotten when they change, while
// kubelet is stopped. It imports no other kind.
package managers
