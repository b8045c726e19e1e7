// Command provision-routes holds a host's routes to pods: it is resident on hosts
// outside the cluster that must reach them.
package main
