// Package outside gives hosts outside the cluster routes to pods, and prepares
// Nodes for the packets that come by them. The routes are held by a resident,
// package routes.
package outside
