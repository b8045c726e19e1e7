// Package drain is the kind "drain": a Node that takes no new pods and has none
// left but those of DaemonSets. The resource's name is the Node's. A Node that
// is not there is drained. Undoing makes the Node schedulable again if this
// kind cordoned it; evicted pods are not brought back.
package drain
