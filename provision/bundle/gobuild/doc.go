// Package gobuild builds commands of published Go modules from source. A wrapper
// module in a temporary folder requires the module at one version, so that the
// module proxy delivers it and the checksum database vouches for it. The same
// inputs always yield the same bytes.
package gobuild
