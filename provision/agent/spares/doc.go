// Package spares keeps on a host what stood in the place of settings until the
// units that read them are seen to work, and puts it back if they do not.
package spares
