// Package open opens targets by what the inventory says of them.
package open
