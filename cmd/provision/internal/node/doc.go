// Package node has the verbs that take hosts out of service, reboot, rebuild, remove
// and reset them.
package node
