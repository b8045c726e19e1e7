// Package catalogue lists the add-ons. It is a leaf: the contract cannot list
// those who implement it.
package catalogue

import (
	"provision/addons"
	"provision/addons/coredns"
)

// All returns the add-ons, in the order in which they are installed.
func All() []addons.Addon { return []addons.Addon{coredns.Addon{}} }
