// Package components is the list of components that run on hosts.
package components
