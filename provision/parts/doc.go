// Package parts lists everything that an inventory may speak of beside the
// engine's own: components, pod networks, kinds of add-ons. It is a leaf: the
// inventory cannot list those who extend it.
package parts
