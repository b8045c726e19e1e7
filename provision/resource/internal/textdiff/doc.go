// Package textdiff shows people what changes in a short text. It imports
// nothing of ours.
package textdiff
