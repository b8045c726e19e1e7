// Package keep decides which objects of a target may go. It is a pure function:
// what there is and what shall stay in, what to delete out.
package keep
