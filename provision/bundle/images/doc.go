// Package images writes OCI image archives, and reads those of others. The same
// layers and settings always yield the same archive.
package images
