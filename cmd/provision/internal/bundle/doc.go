// Package bundle has the verbs about artifacts and images.
package bundle
