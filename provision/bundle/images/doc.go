// Package images writes OCI image archives of one static executable. The same
// executable and settings always yield the same archive.
package images
