// Package ownimages turns an operator's own images, images { load = … } of an
// inventory, into rows of the bundle's catalogue and images that Nodes hold. It
// imports contracts, the inventory and the bundle.
package ownimages
