// Package support writes one archive with what a helper would ask for, and
// keeps secrets out of it: by patterns, and by values that are known.
package support
