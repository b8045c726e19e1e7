// Package catalogue lists the add-ons. It is a leaf: the contract cannot list
// those who implement it.
package catalogue
